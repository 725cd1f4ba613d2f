// What npm publishes works in somebody else's TypeScript project.
import { execFile } from 'node:child_process'
import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { root } from '../dev/root.js'
import { plainEnvironment } from '../cmd/children.js'
import { startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

const run = promisify(execFile)
const rootFolder = fileURLToPath(root)
const env = plainEnvironment(/^(npm_|NODE_OPTIONS)/)
const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts']

const PROGRAM = `import { Executor, ExecutorClient, InvalidArgumentError } from 'nats-executor'

const connection = { servers: process.argv[2]! }
const executor = new Executor({ connection, service: 'shout', module: new URL('shout.js', import.meta.url) })
await executor.start()
const client = new ExecutorClient({ connection, service: 'shout', timeout: 20_000 })
const loud: string = await client.call<string>('hello')
const isRefused = await client.call(7).catch((error: unknown) => error instanceof InvalidArgumentError && error.code)
console.log(loud, isRefused)
await client.close()
await executor.stop()
`
const FUNCTION = `import { type ComputeFunction, InvalidArgumentError } from 'nats-executor'

const shout: ComputeFunction<unknown, string> = (text, { signal }) => {
  if (typeof text !== 'string') throw new InvalidArgumentError('expected a text')
  return signal.aborted ? '' : text.toUpperCase()
}
export default shout
`
const CONFIGURATION = {
  compilerOptions: {
    strict: true,
    module: 'nodenext',
    target: 'es2022',
    types: ['node'],
    noUncheckedIndexedAccess: true,
  },
}

t.test('npm pack, npm install, tsc, node', async t => {
  const project = t.testdir({
    'package.json': '{ "name": "project", "version": "1.0.0", "type": "module" }',
    'tsconfig.json': JSON.stringify(CONFIGURATION),
    'program.ts': PROGRAM,
    'shout.ts': FUNCTION,
  })
  const inProject = { cwd: project, env }
  const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
    cwd: rootFolder,
    env,
  })
  const [{ filename, files }] = JSON.parse(packed.stdout)
  const names: string[] = files.map(({ path }: { path: string }) => path)
  t.ok(names.includes('dist/lib/index.d.ts') && names.includes('cmd/executor'))
  t.strictSame(
    names.filter(name => /^(dist\/)?(test|bench|dev|\.ci|cmd\/demo)/.test(name)),
    [],
  )
  await run('npm', ['install', ...QUIET, join(project, filename)], inProject)
  // Node's types and the compiler are the project's own affair: here they are those of this one.
  for (const name of ['@types/node', 'undici-types'])
    cpSync(join(rootFolder, 'node_modules', name), join(project, 'node_modules', name), { recursive: true })
  symlinkSync(join(rootFolder, 'node_modules/typescript'), join(project, 'node_modules/typescript'))
  await run(process.execPath, ['node_modules/typescript/bin/tsc'], inProject).catch(error => t.fail(error.stdout))

  const server = await startServer(t)
  const { stdout, stderr } = await run(process.execPath, ['program.js', server.url], inProject)
  t.equal(stdout, 'HELLO 400\n')
  t.equal(stderr, '')

  const bin = (name: string) => join(project, 'node_modules/.bin', name)
  const executor = runFile(t, bin('nats-executor'), ['--servers', server.url])
  await executor.line(/Awaiting/)
  const client = runFile(t, bin('nats-executor-client'), ['--servers', server.url, '30'])
  t.equal(await client.exit, 0)
  t.strictSame(client.stdout, ['832040'])
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)

  const local = runFile(t, bin('nats-executor-local'), [join(project, 'shout.js')])
  t.match(await local.line(/ --servers /), /^npx nats-executor-client --servers nats:\S+ --service shout '\{\}'$/)
  local.kill('SIGTERM')
  t.equal(await local.exit, 0)
})
