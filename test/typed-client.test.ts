// A module's functions are called with its types: what compiles works, and what cannot work does not compile.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { root } from '../dev/root.js'
import ts from 'typescript'
import { startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { commandEnvironment } from './fixtures/processes.js'

const run = promisify(execFile)
const rootFolder = fileURLToPath(root)
const COMPILED = `${rootFolder}dist/test/fixtures/typed`

t.test('a program compiles, with an error for each line that is wrong, and runs', async t => {
  const { stdout } = await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'test/fixtures/typed'], {
    cwd: rootFolder,
    env: commandEnvironment(),
  }).catch(error => error)
  t.equal(stdout, '')

  const server = await startServer(t)
  await startExecutor(t, server, { module: `${COMPILED}/plain.mjs`, service: 'plain' })
  const executor = await startExecutor(t, server, { module: `${COMPILED}/service.js`, service: 'typed' })
  t.notOk(executor.subjects.some(subject => /Size|Service|LIMIT|NAMES/.test(subject)))
  const program = await run(process.execPath, [`${COMPILED}/program.js`, server.url], {
    env: commandEnvironment(),
  }).catch(error => error)
  t.equal(program.stderr, '')
  t.equal(program.stdout, 'all is right\n')
})

t.test('an editor offers the functions, their options and what is known of them', async t => {
  const file = `${rootFolder}test/fixtures/typed/editor.ts`
  const { complete, hover } = editor(
    file,
    `import { ExecutorClient } from 'nats-executor'
     const client = new ExecutorClient()
     const plain = client.functions<typeof import('./plain.mjs')>()
     const service = client.functions<typeof import('./service.js')>()
     plain./*plain*/;
     service./*service*/;
     service.resize({ /*argument*/ });
     service.resize({ width: 1 }, { /*options*/ });
     service.resize.map([], { /*map options*/ });
     service.who/*who*/();
     plain.default/*double*/(1);`,
  )
  t.strictSame(complete('plain'), ['area', 'default', 'greet', 'invert', 'now', 'whatever'])
  const typed = complete('service')
  t.ok(typed.includes('default') && typed.includes('resize') && typed.includes('first') && typed.includes('typed'))
  t.strictSame(
    typed.filter(name => /Service|LIMIT|NAMES|Size|input|then|toString/.test(name)),
    [],
  )
  t.strictSame(complete('argument'), ['height', 'width'])
  const options = ['detached', 'headers', 'onProgress', 'priority', 'requestId', 'retries', 'signal', 'timeout']
  t.strictSame(complete('options'), options)
  t.ok(complete('map options').includes('batchSize'))
  t.notOk(complete('map options').includes('function'))
  // What its author has written of it.
  t.match(hover('who'), /It takes the context alone/)
  t.match(hover('double'), /Doubles a number/)
})

/** A file as an editor has it open; comments in it are places. */
function editor(file: string, text: string) {
  const options = ts.parseJsonConfigFileContent(
    ts.readConfigFile(`${rootFolder}test/fixtures/typed/tsconfig.json`, ts.sys.readFile).config,
    ts.sys,
    `${rootFolder}test/fixtures/typed`,
  ).options
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot(name) {
      const content = name === file ? text : ts.sys.readFile(name)
      return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content)
    },
    getCurrentDirectory: () => rootFolder,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: name => name === file || ts.sys.fileExists(name),
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  })
  const at = (place: string) => text.indexOf(`/*${place}*/`)
  return {
    complete: (place: string) =>
      service
        .getCompletionsAtPosition(file, at(place), undefined)!
        .entries.map(({ name }) => name)
        .toSorted(),
    hover: (place: string) =>
      JSON.stringify(service.getQuickInfoAtPosition(file, at(place) - 1)?.documentation ?? 'nothing'),
  }
}
