// What the log makes of an executor's events: one line each, readable, and never too many.
import { headers } from 'nats'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { type Process, run, runFile } from './fixtures/processes.js'

const LOG_EVENTS = fileURLToPath(new URL('test/fixtures/log-events.mjs', root))
type Event = [name: string, event: object | string, times?: number]

async function log(t: Test, kind: string, events: Event[]): Promise<Process> {
  const log = runFile(t, process.execPath, [LOG_EVENTS, kind, JSON.stringify(events)])
  t.equal(await log.exit, 0, log.output)
  return log
}

const ID = 'V1StGXR8_Z5jdHi6B-myT'
const output = (line: string, stream = 'stdout', requestId: string | undefined = ID) => ({ requestId, stream, line })
const STACK = `Error: no\nsuch\n${Array.from({ length: 30 }, (_, i) => `    at f${i} (file:///f.js:${i}:1)`).join('\n')}`
const NASTY = 'a\nb\r\x1b[2J\u2028c\t\ud800d\u202e'

t.test('what functions print', async t => {
  const { stdout, stderr, pid } = await log(t, 'text', [
    ['output', output('hello')],
    ['output', output('  oh\tno', 'stderr', 'mine')],
    ['output', { stream: 'stdout', line: '' }],
    ['output', output(NASTY)],
    ['output', output('x'.repeat(1e5))],
  ])
  t.strictSame(stdout, [
    ` [>] stdout: hello (pid=${pid}, request=V1StGXR8…)`,
    ` [>] stderr:   oh  no (pid=${pid}, request=mine)`,
    ` [>] stdout:  (pid=${pid})`,
    ` [>] stdout: a·b·[2J·c  ·d· (pid=${pid}, request=V1StGXR8…)`,
    ` [>] stdout: ${'x'.repeat(1000)}… (pid=${pid}, request=V1StGXR8…)`,
  ])
  t.strictSame(stderr, [])
})

t.test('what functions print, for machines', async t => {
  const { stdout, stderr } = await log(t, 'json', [
    ['output', output('hello')],
    ['output', { stream: 'stderr', line: NASTY }],
  ])
  const lines = stdout.map(line => JSON.parse(line))
  t.match(lines, [
    { level: 'info', event: 'output', requestId: ID, stream: 'stdout', line: 'hello', executorId: String, pid: Number },
    { level: 'info', event: 'output', stream: 'stderr', line: 'a·b·[2J·c  ·d·' },
  ])
  t.notOk('requestId' in lines[1])
  t.strictSame(stderr, [])
})

t.test('where an error was thrown', async t => {
  const failed = { requestId: ID, code: 500, error: 'no\nsuch', computeMs: 1.25, stack: STACK }
  const text = await log(t, 'text', [['failed', failed]])
  t.strictSame(text.stdout, [
    ` [!] error 500: no·such (pid=${text.pid}, 1.3 ms)`,
    ...Array.from({ length: 10 }, (_, i) => `     at f${i} (file:///f.js:${i}:1)`),
  ])
  const json = await log(t, 'json', [['failed', failed]])
  t.match(JSON.parse(json.stdout[0]!), { event: 'failed', code: 500, error: 'no\nsuch', stack: STACK })
  t.notOk('causes' in JSON.parse(json.stdout[0]!))
})

t.test('what an error comes from', async t => {
  const failed = { requestId: ID, code: 500, error: 'no', computeMs: 1.25, stack: STACK }
  const causes = ['TypeError [E1]: since', NASTY, 'x'.repeat(1000)]
  const { stdout } = await log(t, 'text', [['failed', { ...failed, causes }]])
  t.strictSame(stdout.slice(1, 5), [
    '     cause: TypeError [E1]: since',
    '     cause: a·b·[2J·c·d·',
    `     cause: ${'x'.repeat(300)}…`,
    '     at f0 (file:///f.js:0:1)',
  ])
  const json = await log(t, 'json', [['failed', { ...failed, causes: ['Error: a\nb'] }]])
  t.strictSame(JSON.parse(json.stdout[0]!).causes, ['Error: a\nb'])
})

t.test('a flood of what functions print', async t => {
  const flood: Event[] = [['output', output('x'), 1e6]]
  const text = (await log(t, 'text', flood)).stdout
  t.equal(text.length, 10_001)
  t.match(text.at(-1), / \[!\] 990000 lines dropped here: functions print more than 10000 lines a second /)
  // It may be more than is kept until somebody reads: then other lines are dropped, too, and counted.
  const json = (await log(t, 'json', flood)).stdout.map(line => JSON.parse(line))
  const late = json.filter(({ event, text: why }) => event === 'dropped' && /in time/.test(why))
  const dropped = late.reduce((sum, { lines }) => sum + lines, 0)
  t.equal(json.length - late.length + dropped, 10_001)
})

t.test('whatever the texts are, a line stays a line', async t => {
  const { stdout, stderr } = await log(t, 'text', [
    ['started', { requestId: ID, argument: NASTY }],
    ['completed', { requestId: ID, result: NASTY, computeMs: 1 }],
    ['failed', { requestId: ID, code: 500, error: NASTY, computeMs: 1, stack: `E\n    at ${NASTY}` }],
    ['failed', { requestId: ID, code: 429, error: NASTY, computeMs: 0 }],
    ['warning', NASTY],
  ])
  t.equal(stdout.length, 5)
  t.equal(stderr.length, 1)
  for (const line of [...stdout, ...stderr]) t.notMatch(line, /[\p{Cc}\p{Cf}\p{Cs}\u2028]/u)
})

t.test('both outputs in one place keep the order', async t => {
  const events: Event[] = [
    ['output', output('one')],
    ['warning', 'two'],
    ['output', output('three')],
  ]
  const args = [process.execPath, LOG_EVENTS, 'text', JSON.stringify(events)]
  const { exit, stdout } = runFile(t, '/bin/sh', ['-c', 'exec "$@" 2>&1', '', ...args])
  t.equal(await exit, 0)
  t.match(stdout, [/one/, /two/, /three/])
})

t.test('floods of messages that are not requests', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const executor = run(t, 'executor', ['--servers', server.url])
  await executor.line(/Awaiting/)
  const wrong = headers()
  wrong.set('Timeout-Ms', 'soon')
  for (let i = 0; i < 1000; i++) {
    nc.publish('fibonacci', '1')
    nc.publish('fibonacci', '1', { headers: wrong, reply: '_INBOX.nobody' })
  }
  await nc.request('fibonacci', '1', { timeout: 10_000 })
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
  const count = (lines: string[], pattern: RegExp) =>
    lines.map(line => pattern.exec(line)).reduce((sum, found) => sum + (found ? Number(found[1] ?? 1) : 0), 0)
  t.equal(count(executor.stdout, /error 400: (?:(\d+) more|Timeout-Ms)/), 1000)
  t.equal(count(executor.stderr, /without a reply subject(?:: (\d+) more)?/), 1000)
  t.ok(executor.stdout.length < 20, executor.output)
  t.ok(executor.stderr.length < 20)
})

t.test('one line that is longer than what may wait is all that it lacks', { timeout: 30_000 }, async t => {
  const server = await startServer(t)
  const names = Array.from({ length: 12_000 }, (_, i) => `a_function_of_many_${i}`)
  const modules = t.testdir({ 'many.mjs': names.map(name => `export const ${name} = x => x`).join('\n') })
  const executor = run(t, 'executor', ['--servers', server.url, '--log', 'json', `${modules}/many.mjs`])
  await executor.line(/"dropped","lines":1,/)
  const nc = await connectTo(t, server)
  await nc.request(`many.${names[7]}`, '7', { timeout: 10_000 })
  await executor.line(/"completed"/)
})
