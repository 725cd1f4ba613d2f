// `cmd/local`, as somebody uses it who writes a module.
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ExecutorClient } from 'nats-executor'
import { root } from '../dev/root.js'
import { commandLine, descendants, killIfThere, survivors } from './fixtures/executors.js'
import { rejection } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { type Process, run, runFile } from './fixtures/processes.js'

const MODULE = `import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { word } from './word.mjs'
export default async what => {
  if (what === 'loop') for (;;);
  while (what !== 'now' && !existsSync(what)) await setTimeout(5)
  return word
}`

const word = (text: string, before = '') => `${before}; export const word = '${text}'`

interface Local {
  local: Process
  url: string
  client: ExecutorClient
  pids: number[]
  write(name: string, text: string): void
  file(name: string): string
  /** Resolves when functions answer so after a change. */
  serves(answer: unknown, change: () => void): Promise<void>
  /** Resolves when it says that it cannot load what was changed, and why. */
  refuses(why: RegExp, change: () => void): Promise<void>
  /** What functions answer now. */
  answer(): Promise<unknown>
}

async function startLocal(t: Test, files: object = {}, flags: string[] = []): Promise<Local> {
  const folder = t.testdir({ 'images.mjs': MODULE, 'word.mjs': word('one'), ...files, tmp: {} })
  const file = (name: string) => join(folder, name)
  const local = run(t, 'local', [file('images.mjs'), ...flags], { TMPDIR: file('tmp'), NATS_URL: 'nats://127.0.0.1:1' })
  const [, url = ''] = /(nats:\S+:\d+) /.exec(await local.line(/client --servers/))!
  const client = new ExecutorClient({ connection: url, service: 'images', timeout: 30_000 })
  t.teardown(() => client.close())
  const pids = descendants(local.pid)
  t.teardown(() => pids.forEach(killIfThere))
  t.ok(pids.some(pid => commandLine(pid)[0]!.includes('nats-server')))
  return {
    local,
    url,
    client,
    pids,
    file,
    write(name, text) {
      mkdirSync(dirname(file(name)), { recursive: true })
      writeFileSync(file(name), text)
    },
    async serves(answer, change) {
      const from = performance.now()
      change()
      while ((await client.call('now')) !== answer) await sleep(10)
      t.comment(`${String(answer)} after ${(performance.now() - from).toFixed(0)} ms`)
    },
    async refuses(why, change) {
      // A slot that is just starting may say it, too.
      const line = new RegExp(`^local: cannot load .*: .*${why.source}.*; the old code goes on`)
      const before = local.stderr.filter(said => line.test(said)).length
      change()
      await local.line(line, before + 1)
    },
    answer: () => client.call('now'),
  }
}

t.test('each change is served', async t => {
  const { serves, refuses, write, answer, file } = await startLocal(t)
  t.equal(await answer(), 'one')
  await serves('two', () => write('word.mjs', word('two')))
  await serves('twotwo', () => write('images.mjs', MODULE.replace('return word', 'return word + word')))
  // As editors do.
  write('word.mjs.new', word('three'))
  await serves('threethree', () => renameSync(file('word.mjs.new'), file('word.mjs')))

  await refuses(/word\.mjs:1: SyntaxError/, () => write('word.mjs', 'export const word ='))
  t.equal(await answer(), 'threethree')
  await refuses(/Cannot find module '.*word\.mjs'/, () => rmSync(file('word.mjs')))
  t.equal(await answer(), 'threethree')
  await serves('fourfour', () => write('word.mjs', word('four')))
})

t.test('the module is a link, which is set to another file', async t => {
  const versions = { 'one.mjs': `export default () => 'one'`, 'two.mjs': `export default () => 'two'` }
  const link = t.fixture('symlink', 'versions/one.mjs')
  const { serves, write, answer, file } = await startLocal(t, { 'images.mjs': link, versions })
  t.equal(await answer(), 'one')
  // What was written before the start counts as changed for a moment.
  await sleep(1000)
  await serves('two', () => {
    symlinkSync('versions/two.mjs', file('new'))
    renameSync(file('new'), file('images.mjs'))
  })
  await serves('three', () => write('versions/two.mjs', `export default () => 'three'`))
})

t.test('what is imported later on', async t => {
  const { serves, refuses, write, answer } = await startLocal(t, { 'other.cjs': '' })
  const imports = `import './sub/more.mjs'; import './other.cjs'`
  await refuses(/Cannot find module '.*more\.mjs'/, () => write('word.mjs', word('two', imports)))
  // Its folder is new, too.
  await refuses(/more\.mjs:1: SyntaxError/, () => write('sub/more.mjs', 'const'))
  await serves('two', () => write('sub/more.mjs', ''))
  await refuses(/Cannot find module '\.\/missing\.cjs'/, () => write('other.cjs', 'require("./missing.cjs")'))
  t.equal(await answer(), 'two')
  write('word.mjs', word('four', imports))
  await serves('four', () => write('missing.cjs', ''))
  const lazy = `export default async () => (await import('./sub/lazy.mjs')).default`
  write('sub/lazy.mjs', `export default 'lazy'`)
  await serves('lazy', () => write('images.mjs', lazy))
  await serves('busy', () => write('sub/lazy.mjs', `export default 'busy'`))
})

t.test('what runs is finished by the old code', async t => {
  const { local, serves, write, file, client } = await startLocal(t, {}, ['--concurrency', '1'])
  const call = client.call(file('go'))
  await local.line(/calling images on .*go/)
  await serves('two', () => write('word.mjs', word('two')))
  write('go', '')
  t.equal(await call, 'one')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  t.test(`${signal} leaves nothing`, async t => {
    const { local, pids, serves, write, file } = await startLocal(t)
    await serves('two', () => write('word.mjs', word('two')))
    const now = descendants(local.pid)
    local.kill(signal)
    t.equal(await local.exit, 0)
    t.strictSame(await survivors([...pids, ...now]), [])
    t.strictSame(readdirSync(file('tmp')), [])
  })

t.test('kill -9 leaves no process, whatever runs', async t => {
  const { local, client, file } = await startLocal(t)
  const call = rejection(client.call('loop', { retries: 0 }))
  await local.line(/calling images on "loop"/)
  const pids = descendants(local.pid)
  local.kill('SIGKILL')
  t.equal(await local.exit, 'SIGKILL')
  t.strictSame(await survivors(pids), [])
  t.strictSame(readdirSync(file('tmp')), [])
  await client.close()
  await call
})

t.test('it ends when its server does', async t => {
  const { local, pids } = await startLocal(t)
  process.kill(
    pids.find(pid => commandLine(pid)[0]!.includes('nats-server'))!,
    'SIGKILL',
  )
  t.equal(await local.exit, 1)
  t.match(local.stderr.at(-1), /^local: its nats-server has ended$/)
  t.strictSame(await survivors(pids), [])
})

for (const [text, service] of [
  ['export default x => ({ x })', 'pictures'],
  ['export const $a = x => ({ x })', "it's"],
  ['const a = x => ({ x }); export { a as "a-b" }', 'a$HOME'],
] as const)
  t.test(`the lines to copy: ${service}`, async t => {
    const { local, url } = await startLocal(t, { 'images.mjs': text }, ['--service', service])
    const shell = local.stdout.find(line => line.includes('--servers'))!
    t.match(shell, /^\.\/cmd\/client /)
    const client = runFile(t, '/bin/sh', ['-c', shell])
    t.equal(await client.exit, 0, client.output)
    t.strictSame(client.stdout, ['{"x":{}}'])
    const from = local.stdout.indexOf("import { ExecutorClient } from 'nats-executor'")
    const program = local.stdout.slice(from, from + 5).join('\n')
    const node = runFile(t, process.execPath, ['--input-type=module', '-e', program])
    t.equal(await node.exit, 0, node.output)
    t.strictSame(node.stdout, ['{ x: {} }'])
    t.equal(local.stdout.filter(line => line.includes(url)).length, 3)
  })

t.test("a module's types stand in quotes, whatever its name is", async t => {
  const folder = t.testdir({ "it's.mjs": 'export default x => x' })
  const local = run(t, 'local', [join(folder, "it's.mjs"), '--concurrency', '1'])
  t.match(await local.line(/typeof import/), /typeof import\('\.\/it\\'s\.mjs'\)>\(\)$/)
})

t.test('TypeScript by a loader', async t => {
  const files = {
    'images.mjs': "import { word } from './word.ts'\nexport default () => word",
    'word.ts': "export const word: string = 'one'",
  }
  const loader = new URL('test/fixtures/strip-types.mjs', root).href
  const { answer, serves, write } = await startLocal(t, files, [`--exec-argv=--import=${loader}`])
  t.equal(await answer(), 'one')
  await serves('two', () => write('word.ts', "export const word: string = 'two'"))
})

t.test('what is wrong is one line', async t => {
  const folder = t.testdir({ 'images.mjs': 'export default 3', 'works.mjs': 'export default () => 1' })
  const used = await startServer(t)
  const nc = await connectTo(t, used)
  for (const [code, args, line, env] of [
    [2, [], /^local: which module\? .* \(see local --help\)$/],
    [2, ['a.mjs', 'b.mjs'], /^local: one module at a time: "\S*b\.mjs" is too many/],
    [2, ['works.mjs', '--port', '0'], /^local: --port takes a whole number from 1 to 65535, got 0/],
    [2, ['works.mjs', '--concurrency', '0'], /^local: expected --concurrency <n> to be from 1 to 1024, got 0/],
    [2, ['works.mjs', '--port', 'x'], /^local: --port takes a number, got "x"/],
    [2, ['works.mjs', '--service', 'a b'], /^local: expected --service <name> to be a NATS subject .*, got "a b"/],
    [
      1,
      ['works.mjs', '--port', String(used.port)],
      /^local: \S* does not start: Error listening on port: .*address already in use/,
    ],
    [1, ['images.mjs'], /^local: cannot load .*images\.mjs: it exports no function$/],
    [1, ['none.mjs'], /^local: cannot load .*none\.mjs: there is no such file$/],
    [
      1,
      ['works.mjs'],
      /^local: \/none\/nats-server does not start: no such file or directory$/,
      { NATS_SERVER: '/none/nats-server' },
    ],
  ] as [number, string[], RegExp, NodeJS.ProcessEnv?][]) {
    const local = run(
      t,
      'local',
      args.map(arg => (arg.endsWith('.mjs') ? join(folder, arg) : arg)),
      env,
    )
    t.equal(await local.exit, code, local.output)
    t.equal(local.stderr.length, 1)
    t.match(local.stderr[0], line)
  }
  t.notOk(nc.isClosed())
})
