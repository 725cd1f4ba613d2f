// The exit codes of `cmd/client`, each with one line that says what to do next.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Msg } from 'nats'
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

/** A signal is heard some time later, and two at once are one. */
const HEARD_MS = 200
/** Its farewell takes two seconds and more. */
const AT_ONCE_MS = 1000

const server = await startServer(t)
await startExecutor(t, server)
const client = (...args: string[]) => run(t, 'client', ['--servers', server.url, '--service', 'acts', ...args])
const problems = (lines: string[]) => lines.filter(line => !line.startsWith(' [x] '))

t.test('1: an answer is an error; the others are printed', async t => {
  const process = client('["echo",1]', '["throws","on purpose"]')
  t.equal(await process.exit, 1)
  t.strictSame(process.stdout, ['["echo",1] 1'])
  t.strictSame(problems(process.stderr), ['client: acts(["throws","on purpose"]): on purpose'])
})

t.test('3: no executor until the timeout', async t => {
  const process = client('--service', 'nobody', '--timeout', '2', '30', '31')
  t.equal(await process.exit, 2, 'a repeated option')
  const from = performance.now()
  const alone = run(t, 'client', ['--servers', server.url, '--service', 'nobody', '--timeout', '2', '30', '31'])
  t.equal(await alone.exit, 3)
  const seconds = (performance.now() - from) / 1000
  t.ok(seconds > 1.9 && seconds < 10, `${seconds} s`)
  t.strictSame(alone.stdout, [])
  t.strictSame(problems(alone.stderr), [
    'client: no executor on nobody: start one with "./cmd/executor <module> --service nobody"',
  ])
})

t.test('3: no server until the timeout', async t => {
  const gone = await startServer(t)
  await gone.kill()
  const process = run(t, 'client', ['--servers', gone.url, '--timeout', '2', '30'])
  t.equal(await process.exit, 3)
  t.strictSame(process.stdout, [])
  const text = `client: no nats-server at ${gone.url}: start one with "nats-server -c nats-server.conf"`
  t.strictSame(problems(process.stderr), [text])
})

t.test('4: an executor is at work until the timeout', async t => {
  const nc = await connectTo(t, server)
  // It says that it holds the request, and never answers.
  const answer = (_: unknown, message: Msg) =>
    message.respond(JSON.stringify({ executorId: 'slow', computing: message.json<{ ids: string[] }>().ids }))
  for (const subject of ['_EXEC.find.slow', '_EXEC.hold.slow.slow']) nc.subscribe(subject, { callback: answer })
  nc.subscribe('slow')
  await nc.flush()
  const process = run(t, 'client', ['--servers', server.url, '--service', 'slow', '--timeout', '1', '30'])
  t.equal(await process.exit, 4)
  t.strictSame(process.stdout, [])
  t.strictSame(problems(process.stderr), ['client: slow(30): no answer within 1 s: give it longer with --timeout'])
})

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  t.test(`${code}: ${signal} ends it, and the computation`, async t => {
    const subject = signal.toLowerCase()
    const executor = await startExecutor(t, server, { service: subject })
    const ended = new Promise(resolve => executor.once('failed', resolve))
    const calling = new Promise(resolve => executor.once('started', resolve))
    const process = run(t, 'client', ['--servers', server.url, '--service', subject, '["loop"]'])
    await calling
    process.kill(signal)
    t.equal(await process.exit, code)
    t.strictSame(process.stdout, [])
    t.strictSame(problems(process.stderr), [])
    t.match(await ended, { code: 499 })
  })

t.test('a second signal ends it at once, though its server says nothing', async t => {
  const frozen = await startServer(t)
  const executor = await startExecutor(t, frozen)
  const calling = new Promise(resolve => executor.once('started', resolve))
  const process = run(t, 'client', ['--servers', frozen.url, '--service', 'acts', '["loop"]'])
  await calling
  frozen.signal('SIGSTOP')
  t.teardown(() => frozen.signal('SIGCONT'))
  await sleep(HEARD_MS)
  process.kill('SIGINT')
  await sleep(HEARD_MS)
  t.ok(process.isRunning, 'it tells its executor')
  const from = performance.now()
  process.kill('SIGINT')
  t.equal(await process.exit, 130)
  const ms = performance.now() - from
  t.ok(ms < AT_ONCE_MS, `${ms} ms`)
})
