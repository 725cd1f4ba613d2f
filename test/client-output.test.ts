// What `cmd/client` prints: only the answers on stdout.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { fixture, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
const executor = await startExecutor(t, server, { module: undefined, service: 'fibonacci' })
const echo = 'data:text/javascript,export default value => value; export const texts = length => "x".repeat(length)'
await startExecutor(t, server, { module: echo, service: 'echo' })
const client = (...args: string[]) => run(t, 'client', ['--servers', server.url, ...args])

t.test('one argument', async t => {
  const process = client('30')
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout, ['832040'])
  t.strictSame(process.stderr, [' [x] Requesting fibonacci(30)'])
})

t.test('several arguments', async t => {
  const process = client('30', '1', '2')
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout.toSorted(), ['1 1', '2 1', '30 832040'])
  t.strictSame(
    process.stderr,
    ['30', '1', '2'].map(n => ` [x] Requesting fibonacci(${n})`),
  )
})

t.test('--json', async t => {
  const process = client('--json', '30', '-1')
  t.equal(await process.exit, 1)
  const lines = process.stdout.map(line => JSON.parse(line)).toSorted((a, b) => b.argument - a.argument)
  for (const { requestId, milliseconds } of lines) {
    t.match(requestId, /^[\w-]{21}$/)
    t.ok(milliseconds > 0)
  }
  const same = { executorId: executor.id, requestId: String, milliseconds: Number }
  const error = { name: 'InvalidArgumentError', code: 400, message: /integer from 0 to 78, got -1/ }
  t.match(lines, [
    { argument: 30, result: 832040, ...same },
    { argument: -1, error, ...same },
  ])
  t.equal(lines.length, 2)
})

t.test('what a function threw comes from something', async t => {
  const module = fixture('service.mjs')
  const { id } = await startExecutor(t, server, { module, service: 'plain' })
  const failed = client('--service', 'plain', 'breaks', '1')
  t.equal(await failed.exit, 1)
  t.equal(failed.stderr[1], 'client: plain.breaks(1): it broke in two (TypeError: since; Error: then)')
  const json = client('--service', 'plain', '--json', 'breaks', '1', '"refused"')
  t.equal(await json.exit, 1)
  const [thrown, refused] = json.stdout.map(line => JSON.parse(line)).toSorted((a, b) => b.error.code - a.error.code)
  t.match(thrown, { executorId: id, error: { name: 'ExecutionError', code: 500, message: 'it broke in two' } })
  t.strictSame(thrown.error.cause, {
    name: 'RangeError',
    message: 'it broke\nin two',
    code: 'EBROKEN',
    causes: [
      { name: 'TypeError', message: 'since' },
      { name: 'Error', message: 'then' },
    ],
    details: { path: '/a/b', list: [1, { a: 1 }] },
  })
  t.match(refused.error, { code: 400, cause: { name: 'InvalidArgumentError', message: 'not this one' } })
})

t.test('an argument is any JSON, and a result is written as JSON', async t => {
  const process = client('--service', 'echo', '{"a":[1]}')
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout, ['{"a":[1]}'])
})

t.test('control characters do not reach the terminal', async t => {
  const process = client('--service', 'echo', '"a\u001b[31m\u0007"')
  t.equal(await process.exit, 2, 'they are no JSON')
  t.notMatch(process.output, '\u001b')
})

t.test('nor do those of results, which JSON may have as they are', async t => {
  const process = client('--service', 'echo', '"\u009b31m\u007f"')
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout, ['"\\u009b31m\\u007f"'])
})

t.test('an answer is one line, whatever the argument', async t => {
  const process = client('--service', 'echo', '{"a":\r\n[1,\n2]}', '3')
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout.toSorted(), ['3 3', '{"a": [1, 2]} {"a":[1,2]}'])
})

t.test('what is nested too deeply costs no other answer', async t => {
  const deep = '['.repeat(40_000) + ']'.repeat(40_000)
  const process = client('--json', '--service', 'echo', deep, '3')
  t.equal(await process.exit, 1)
  t.match(
    process.stdout.map(line => JSON.parse(line)),
    [
      { argument: null, error: { message: /^JSON cannot say argument/ } },
      { argument: 3, result: 3 },
    ],
  )
})

t.test('who reads slowly gets all of it', async t => {
  const text = 'x'.repeat(900_000)
  const process = client('--service', 'echo', 'texts', '900000', '900000')
  process.pauseOutput()
  // It would have ended long ago.
  await sleep(2500)
  process.resumeOutput()
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout, [`900000 "${text}"`, `900000 "${text}"`])
})

t.test('who reads nothing at all ends it with Ctrl-C', async t => {
  const process = client('--service', 'echo', 'texts', '900000', '900000')
  process.pauseOutput()
  await sleep(2500)
  t.ok(process.isRunning)
  process.kill('SIGINT')
  t.equal(await process.ended, 130)
})

t.test('$NATS_URL names the server', async t => {
  const process = run(t, 'client', ['10'], { NATS_URL: server.url })
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout, ['55'])
})

t.test('--help and --version', async t => {
  const help = client('--help')
  t.equal(await help.exit, 0)
  t.match(help.stdout.join('\n'), /client 30 +prints 832040/)
  for (const option of ['servers', 'service', 'timeout', 'json']) t.match(help.output, `--${option}`)
  const version = client('--version')
  t.equal(await version.exit, 0)
  t.match(version.output, /^client\/\d+\.\d+\.\d+/)
})
