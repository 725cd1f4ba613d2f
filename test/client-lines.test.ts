// `cmd/client -`: each line of the standard input is an argument.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
await startExecutor(t, server, { module: undefined, service: 'fibonacci' })
const executor = await startExecutor(t, server, { concurrency: 4 })
const WAITS = `
import { setTimeout } from 'node:timers/promises'
export default ms => setTimeout(ms, ms)
export { WAITS as '2d' }
const WAITS = () => 2
export const nothing = () => {}
export const bytes = text => Buffer.from(text)
`
await startExecutor(t, server, {
  module: `data:text/javascript,${encodeURIComponent(WAITS)}`,
  service: 'waits',
  concurrency: 8,
})
/** A pipe, and what a command has read ahead, hold less. */
const MUCH = 30_000_000

const start = (t: Test, ...args: string[]) => run(t, 'client', ['--servers', server.url, ...args], {}, 'pipe')
function client(t: Test, input: string, ...args: string[]) {
  const process = start(t, ...args)
  process.stdin.end(input)
  return process
}
const problems = (lines: string[]) => lines.filter(line => !line.startsWith(' [x] '))

t.test('results come in the order of the lines, one a line', async t => {
  const process = client(t, '400\n1\n\n200\r\n1', '--service', 'waits', '-')
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout, ['400', '1', '200', '1'])
  t.strictSame(process.stderr, [' [x] Requesting waits for each line of the standard input'])
})

t.test('of a function; one document over several lines; nothing and bytes', async t => {
  const one = client(t, '[\n  "echo",\n  { "a": 1 }\n]\n', '--service', 'acts', '-')
  t.equal(await one.exit, 0)
  t.strictSame(one.stdout, ['{"a":1}'])
  const nothing = client(t, '1\n2\n', '--service', 'waits', 'nothing', '-')
  t.equal(await nothing.exit, 0)
  t.strictSame(nothing.stdout, ['null', 'null'])
  const bytes = client(t, '"a\\nb"\n', '--service', 'waits', 'bytes', '-')
  t.equal(await bytes.exit, 0)
  t.strictSame(bytes.stdout, ['{"base64":"YQpi"}'])
})

t.test('an input without lines', async t => {
  const process = client(t, '\n', '-')
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout, [])
})

t.test('lines that fail are told of, and cost no other', async t => {
  const process = client(t, '1\nhello\n-1\n30\n', '-')
  t.equal(await process.exit, 1)
  t.strictSame(process.stdout, ['1', '832040'])
  t.match(problems(process.stderr), [
    /^client: line 2: an argument is JSON: .*hello/,
    'client: line 3: fibonacci(-1): expected an integer from 0 to 78, got -1',
  ])
})

t.test('--json', async t => {
  const process = client(t, '1\nhello\n["throws","on purpose"]\n', '--json', '--service', 'acts', '-')
  t.equal(await process.exit, 1)
  t.strictSame(problems(process.stderr), [])
  t.match(
    process.stdout.map(line => JSON.parse(line)),
    [
      { line: 1, argument: 1, error: { name: 'ExecutionError', code: 500 } },
      { line: 2, argument: null, error: { name: 'InvalidArgumentError', code: 400, message: /^an argument is JSON/ } },
      { line: 3, argument: ['throws', 'on purpose'], error: { message: 'on purpose' }, executorId: executor.id },
    ],
  )
  const right = client(t, '2\n', '--json', '-')
  t.equal(await right.exit, 0)
  t.strictSame(right.stdout, ['{"line":1,"argument":2,"result":1}'])
})

t.test('a line is computed before the next one is there', async t => {
  const process = start(t, '-')
  for (const [count, result] of ['1', '1', '2'].entries()) {
    process.stdin.write(`${count + 1}\n`)
    await process.line(/^\d/, count + 1)
    t.equal(process.stdout[count], result)
  }
  process.stdin.end()
  t.equal(await process.exit, 0)
})

t.test('who reads slowly is waited for, and all that is read is little', async t => {
  const process = start(t, '-')
  process.pauseOutput()
  let written = 0
  const line = `20${' '.repeat(60)}\n`
  const chunk = line.repeat(1000)
  // Until it takes nothing for a while.
  for (let isTaken = true; isTaken && written < MUCH;) {
    written += chunk.length
    if (!process.stdin.write(chunk))
      isTaken = await Promise.race([once(process.stdin, 'drain'), sleep(3000, false)]).then(Boolean)
  }
  t.ok(written < MUCH, `${written} bytes`)
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${process.pid}/status`, 'utf8'))!
  t.ok(Number(kilobytes) < 400_000, `${kilobytes} kB`)
  process.resumeOutput()
  process.stdin.end()
  t.equal(await process.exit, 0)
  t.equal(process.stdout.length, written / line.length)
  t.ok(process.stdout.every(line => line === '6765'))
})

t.test('Ctrl-C in the midst ends it, and the computations', async t => {
  const ended = once(executor, 'failed')
  const process = start(t, '--service', 'acts', '-')
  process.stdin.write('["echo",1]\n["loop"]\n')
  await process.line(/^1$/)
  process.kill('SIGINT')
  t.equal(await process.exit, 130)
  t.strictSame(process.stdout, ['1'])
  t.strictSame(problems(process.stderr), [])
  t.match(await ended, [{ code: 499 }])
})

t.test('who reads no more ends it', async t => {
  const process = start(t, '-')
  process.stdin.on('error', () => {})
  process.stdin.write('1\n')
  await process.line(/^1$/)
  process.closeOutput()
  process.stdin.write('2\n3\n')
  t.equal(await process.ended, 141)
})

t.test('3: nobody is there; it ends at the first line', async t => {
  const process = client(t, '1\n2\n3\n', '--service', 'nobody', '--timeout', '1', '-')
  t.equal(await process.exit, 3)
  t.strictSame(process.stdout, [])
  t.match(problems(process.stderr), [/^client: line 1: no executor on nobody: start one with/])
  t.equal(problems(process.stderr).length, 1)
})

t.test('1: the server refuses the connection', async t => {
  const closed = await startServer(t, 'authorization { token: other }')
  const process = run(t, 'client', ['--servers', closed.url, '-'], {}, 'pipe')
  process.stdin.end('1\n2\n')
  t.equal(await process.exit, 1)
  t.match(problems(process.stderr), [/^client: nats:\S+ refuses the connection/])
  t.equal(problems(process.stderr).length, 1)
})

t.test('- is alone', async t => {
  for (const args of [
    ['-', '1'],
    ['1', '-'],
  ]) {
    const process = client(t, '', ...args)
    t.equal(await process.exit, 2)
    t.match(process.output, /^client: - for the standard input is the only argument \(see/)
  }
})

t.test('a function whose name looks like an argument', async t => {
  for (const args of [['--function', '2d', '1'], ['--function=2d'], ['--function=2d', '-']]) {
    const process = client(t, '1\n', '--service', 'waits', ...args)
    t.equal(await process.exit, 0, process.output)
    t.strictSame(process.stdout, ['2'])
  }
  const dashed = await startExecutor(t, server, {
    module: 'data:text/javascript,const f = () => 1; export { f as "-x", f as "true" }',
    service: 'odd',
  })
  t.strictSame(dashed.subjects, ['odd.-x', 'odd.true'])
  for (const args of [['--function=-x'], ['--', '-x'], ['--function', 'true', '1']]) {
    const process = client(t, '', '--service', 'odd', ...args)
    t.equal(await process.exit, 0, process.output)
    t.strictSame(process.stdout, ['1'])
  }
  const wrong = client(t, '', '--service', 'waits', '2d', '1')
  t.equal(await wrong.exit, 2)
  t.match(wrong.output, /got 2d; a function of that name is --function=2d \(see/)
  const none = client(t, '', '--function', 'a.b', '1')
  t.equal(await none.exit, 2)
  t.match(none.output, /--function takes 1 to 64 letters, .*, got a\.b \(see/)
})
