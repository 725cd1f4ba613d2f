// Modules as people write them: ES modules, CommonJS, TypeScript, and what is none of these.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import ts from 'typescript'
import type { Executor } from 'nats-executor'
import { root } from '../dev/root.js'
import { fixture, newClient, newExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { commandEnvironment, runFile } from './fixtures/processes.js'

const server = await startServer(t)
const rootFolder = fileURLToPath(root)
const COMMAND = join(rootFolder, 'dist/cmd/executor.js')
let services = 0
const NOWHERE = ['--servers', 'nats://127.0.0.1:1']

const compiled = (source: string) =>
  ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 } })
    .outputText
const BOTH = 'exports.double = n => 2 * n\nexports.half = n => n / 2\n'

const folder = t.testdir({
  'package.json': '{}',
  esm: {
    'package.json': '{ "type": "module" }',
    'named.js': 'export const double = n => 2 * n\nexport function half(n) { return n / 2 }',
  },
  'plain.mjs': 'export default n => n + 1\nexport const double = n => 2 * n',
  'untyped.js': 'export const double = n => 2 * n\nexport default n => n + 1',
  'common.js': BOTH,
  'function.cjs': 'module.exports = n => n + 1',
  'function-and-more.cjs': 'module.exports = n => n + 1\nmodule.exports.double = n => 2 * n',
  'list.cjs':
    'const double = n => 2 * n\nmodule.exports = { double, ["ha" + "lf"]: n => n / 2, version: 3, nothing: null }',
  'exports.cjs': BOTH,
  'compiled.cjs': compiled(
    'export default (n: number) => n + 1\nexport const double = (n: number) => 2 * n\nexport class C {}\nexport enum E { A }',
  ),
  'compiled-again.cjs': compiled('export * from "./exports.cjs"\nexport { default as next } from "./compiled.cjs"'),
  'list.mjs': 'const double = n => 2 * n\nexport default { double, half: n => n / 2 }\nexport const next = n => n + 1',
  'default-of-list.mjs': 'export default { default: n => n + 1, double: n => 2 * n }',
  'again.mjs': 'export * from "./plain.mjs"\nexport { half } from "./exports.cjs"',
  'again-default.mjs': 'export { default } from "./function.cjs"\nexport * from "./plain.mjs"',
  'class.mjs': 'export default class { static half() {} }\nexport const double = n => 2 * n',
  // Methods that call each other, and one whose name is a keyword.
  'methods.cjs':
    'module.exports = { double(n) { return 2 * this.class(n) }, half(n) { return this.class(n) / 2 }, class(n) { return n } }',
  'methods.mjs':
    'export default { double(n) { return 2 * this.same(n) }, same(n) { return n } }\nexport function half(n) { return this === undefined && n / 2 }',
  'methods-of-exports.cjs':
    'exports.double = function (n) { return this.half(4 * n) }\nexports.half = function (n) { return n / 2 }',
  'schema.mjs':
    'export const S = Object.assign(n => n, { "~standard": { validate: value => ({ value }) } })\nexport const double = n => 2 * n\ndouble.input = S',
  'odd name ü#%.mjs': 'export const double = n => 2 * n',
  'names.mjs': `
    const f = n => n
    export { f as 'a b', f as größe, f as 'a.b', f as '', f as '*', f as _$a0, f as 'a-b', f as ${'x'.repeat(65)} }
    export { f as constructor, f as __proto__, f as toString, f as toJSON, f as hasOwnProperty, f as valueOf }
    export function then() { throw new Error('it was called') }`,
  'waits.mjs': `
    import { appendFileSync } from 'node:fs'
    await new Promise(resolve => setImmediate(resolve))
    appendFileSync(new URL('count', import.meta.url), 'x')
    export default () => process.pid`,
  'erasable.ts': `
    import { offset, type Offset } from './imported.ts'
    interface Size { width: number }
    export default ({ width }: Size): number => width + (offset satisfies Offset)`,
  'imported.ts': 'export type Offset = number\nexport const offset: Offset = 1',
  'imports-types.mjs': 'export { offset as default } from "./imported.ts"',
  'enum.ts': '\nenum E { A }\nexport default () => E.A',
  'syntax.ts': '\nexport default (n: number => n',
  'jsx.tsx': 'export default () => <a />',
  'never.mjs': 'await new Promise(() => {})\nexport default n => n',
  'nothing.mjs': 'export const a = 1',
  'empty.mjs': '',
  'nothing.cjs': 'module.exports = { a: 1 }',
  'class.cjs': 'module.exports = class {}',
  'only-odd.mjs': 'const f = n => n\nexport { f as "a b" }',
  images: { 'index.mjs': 'export default n => n' },
})

const CALLS = { '': [4, 5], next: [4, 5], double: [4, 8], half: [4, 2], same: [4, 4], class: [4, 4] } as const
type Name = keyof typeof CALLS

for (const [file, names] of Object.entries<Name[]>({
  'plain.mjs': ['', 'double'],
  'esm/named.js': ['double', 'half'],
  'untyped.js': ['', 'double'],
  'common.js': ['double', 'half'],
  'function.cjs': [''],
  'function-and-more.cjs': ['', 'double'],
  'list.cjs': ['double', 'half'],
  'exports.cjs': ['double', 'half'],
  'compiled.cjs': ['', 'double'],
  'compiled-again.cjs': ['double', 'half', 'next'],
  'list.mjs': ['double', 'half', 'next'],
  'default-of-list.mjs': ['', 'double'],
  'again.mjs': ['double', 'half'],
  'again-default.mjs': ['', 'double'],
  'class.mjs': ['double'],
  'methods.cjs': ['class', 'double', 'half'],
  'methods.mjs': ['double', 'half', 'same'],
  'methods-of-exports.cjs': ['double', 'half'],
  'schema.mjs': ['double'],
  'odd name ü#%.mjs': ['double'],
}))
  t.test(file, async t => {
    const { executor, service, warnings } = await serve(t, file)
    t.strictSame(served(executor, service), names)
    t.strictSame(warnings, [])
    const client = newClient(t, server, { service })
    for (const name of names) {
      const [argument, result] = CALLS[name]
      t.equal(await client.call(argument, { function: name || 'default' }), result)
    }
  })

t.test('names that other things have, too, and names that no subject can have', async t => {
  const { executor, service, warnings } = await serve(t, 'names.mjs', 2)
  const names = ['_$a0', 'a-b', 'constructor', '__proto__', 'toString', 'toJSON', 'hasOwnProperty', 'valueOf']
  t.strictSame(served(executor, service), names.toSorted())
  // Once, not for each slot.
  t.strictSame(
    warnings.map(text => /^the export (".*") is not served: (.)/.exec(text)?.slice(1)),
    ['', '*', 'a b', 'a.b', 'größe', 'then', 'x'.repeat(65)].map(name => [
      JSON.stringify(name),
      name === 'then' ? 'J' : 'i',
    ]),
  )
  const client = newClient(t, server, { service })
  for (const name of names) t.equal(await client.call(name, { function: name }), name)
  const functions =
    client.functions<Record<'constructor' | '__proto__' | 'toString' | 'a-b', (text: string) => string>>()
  t.equal(await functions.constructor('one'), 'one')
  t.equal(await functions.__proto__('two'), 'two')
  t.equal(await functions.toString('three'), 'three')
  t.equal(await functions['a-b']('four'), 'four')
  for (const name of ['then', 'größe', 'x'.repeat(65)]) {
    const call = client.call(1, { function: name })
    await t.rejects(call, name === 'then' ? { code: 404 } : /expected `?function/)
  }
})

t.test('a name that comes with an edit', async t => {
  writeFileSync(join(folder, 'edited.mjs'), 'export const double = n => 2 * n')
  const { executor, warnings } = await serve(t, 'edited.mjs', 2)
  writeFileSync(join(folder, 'edited.mjs'), 'export const double = n => 2 * n\nexport { double as "a b" }')
  for (let i = 0; i < 2; i++) await executor.reload()
  t.equal(warnings.length, 1)
  t.match(warnings[0], /^the export "a b" is not served/)
})

t.test('what a module awaits, it awaits once in each slot', async t => {
  const { service } = await serve(t, 'waits.mjs', 3)
  const client = newClient(t, server, { service })
  for (let i = 0; i < 10; i++) await client.call()
  t.equal(readFileSync(join(folder, 'count'), 'utf8'), 'xxx')
})

t.test('TypeScript by a loader', async t => {
  const loader = `--import=${fixture('strip-types.mjs').href}`
  const executor = command(t, process.execPath, ['--servers', server.url, `--exec-argv=${loader}`, 'erasable.ts'])
  await executor.line(/Awaiting requests on erasable/)
  t.equal(await newClient(t, server, { service: 'erasable' }).call({ width: 3 }), 4)
  executor.kill()
  t.equal(await executor.exit, 0)
  // The slots have this variable, too.
  const other = command(t, process.execPath, [...NOWHERE, 'enum.ts'], loader)
  await other.line(/no nats-server yet/)
})

t.test('TypeScript on a Node that runs it', async t => {
  const node = await nodeWithTypeScript()
  if (!node) return t.pass('there is none here')
  const executor = command(t, node, ['--servers', server.url, '--service', 'new', 'erasable.ts'])
  await executor.line(/Awaiting requests on new/)
  t.equal(await newClient(t, server, { service: 'new' }).call({ width: 3 }), 4)
  executor.kill()
  await executor.exit
  for (const [file, why] of Object.entries({
    'enum.ts': /\/enum\.ts:2: SyntaxError: TypeScript enum is not supported in strip-only mode/,
    'syntax.ts': /\/syntax\.ts:2: SyntaxError: Expected/,
    'jsx.tsx': /does not run TypeScript with JSX: take a loader, such as --exec-argv="--import=tsx"$/,
  }))
    await refused(t, node, file, why)
})

const RUNS_TYPESCRIPT = Boolean((process.features as { typescript?: unknown }).typescript)
t.test('TypeScript on a Node that does not', { skip: RUNS_TYPESCRIPT }, async t => {
  const advice =
    'Node [\\d.]+ does not run TypeScript: take Node 22\\.18 or later, or a loader, such as --exec-argv="--import=tsx"$'
  await refused(t, process.execPath, 'erasable.ts', new RegExp(`: /.*/erasable\\.ts: ${advice}`))
  await refused(t, process.execPath, 'imports-types.mjs', new RegExp(`: /.*/imported\\.ts: ${advice}`))
})

for (const [named, why] of Object.entries({
  images: /: it is a directory: name the module in it, such as images\/index\.mjs$/,
  './images/': /: it is a directory: name the module in it, such as images\/index\.mjs$/,
  './imgaes.mjs': /: there is no such file$/,
  '../nowhere/plain.mjs': /: there is no such file$/,
  'never.mjs': /: an `await` outside of its functions never ends$/,
  'nothing.mjs': /: it exports no function$/,
  'empty.mjs': /: it exports no function$/,
  'nothing.cjs': /: it exports no function$/,
  'class.cjs': /: it exports no function$/,
  'only-odd.mjs': /: it exports no function$/,
}))
  t.test(`${named} cannot be loaded`, t => refused(t, process.execPath, named, why))

/** One line, in which the module is called as its user has called it. */
async function refused(t: Test, node: string, named: string, why: RegExp) {
  const executor = command(t, node, [...NOWHERE, named])
  t.equal(await executor.exit, 1, named)
  t.strictSame(executor.stdout, [])
  const [line = '', ...more] = executor.stderr
  t.strictSame(more, [])
  t.ok(line.startsWith(`executor: cannot load ${named}: `), line)
  t.match(line, why)
}

/** The command, by this or another Node, in the folder of the modules, without the loaders of the test runner. */
const command = (t: Test, node: string, args: string[], nodeOptions = '') =>
  runFile(t, '/bin/sh', [
    '-c',
    `cd "$1" && shift && NODE_OPTIONS='${nodeOptions}' exec "$@"`,
    'sh',
    folder,
    node,
    COMMAND,
    ...args,
  ])

async function serve(t: Test, file: string, concurrency = 1) {
  const service = `s${services++}`
  const executor = newExecutor(t, server, { module: join(folder, file), service, concurrency })
  const warnings: string[] = []
  executor.on('warning', text => warnings.push(text))
  await executor.start()
  return { executor, service, warnings }
}
const served = ({ subjects }: Executor, service: string) =>
  subjects.map(subject => subject.slice(service.length + 1)).toSorted()

/** This one, or one that npx has fetched some day. */
async function nodeWithTypeScript(): Promise<string | undefined> {
  if (RUNS_TYPESCRIPT) return process.execPath
  const args = ['--offline', '--yes', '--package=node@24', 'node', '--print', 'process.execPath']
  const found = await promisify(execFile)('npx', args, { env: commandEnvironment() }).catch(() => undefined)
  return found?.stdout.trim()
}
