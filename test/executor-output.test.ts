// What `cmd/executor` says on its way.
import t from 'tap'
import { statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
const nc = await connectTo(t, server)
const request = (subject: string, body: string) => nc.request(subject, body, { timeout: 10_000 })

t.test('lines for people', async t => {
  const executor = run(t, 'executor', ['--servers', server.url])
  await executor.line(/Awaiting/)
  await request('fibonacci', '29')
  await request('fibonacci', '"\\u001b[31m"')
  await request('fibonacci', '\u001b[2J')
  nc.publish('fibonacci', '1')
  await executor.line(/without a reply subject/)
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
  const { pid } = executor
  const expected = [
    `^ \\[x\\] Awaiting requests on fibonacci \\(pid=${pid}\\)$`,
    `^ \\[\\*\\] calling fibonacci on 29 \\(pid=${pid}\\)$`,
    `^ \\[\\*\\] response: 514229 \\(pid=${pid}, \\d+\\.\\d ms\\)$`,
    `^ \\[\\*\\] calling fibonacci on "\\\\u001b\\[31m" \\(pid=${pid}\\)$`,
    `^ \\[!\\] error 400: expected an integer from 0 to 78, got .* \\(pid=${pid}, \\d+\\.\\d ms\\)$`,
    `^ \\[\\*\\] calling fibonacci on ·\\[2J \\(pid=${pid}\\)$`,
    `^ \\[!\\] error 400: the body is not JSON; bytes need .* \\(pid=${pid}, \\d+\\.\\d ms\\)$`,
  ]
  t.equal(executor.stdout.length, expected.length, executor.output)
  for (const [i, pattern] of expected.entries()) t.match(executor.stdout[i], new RegExp(pattern))
  t.strictSame(executor.stderr, [`executor: ignored a message without a reply subject (pid=${pid})`])
})

t.test('many refusals are summed up', async t => {
  const flags = ['--service', 'full', 'test/fixtures/acts.mjs', '--backlog', '1']
  const executor = run(t, 'executor', ['--servers', server.url, ...flags])
  await executor.line(/Awaiting/)
  const refuse = async (count: number) => {
    const codes = Array.from({ length: count }, async () => {
      const { headers } = await request('full', '["echo"]')
      return headers?.get('Nats-Service-Error-Code')
    })
    t.strictSame(await Promise.all(codes), Array(count).fill('429'))
  }
  const ended = [request('full', '["never"]'), request('full', '["echo"]')]
  await executor.line(/calling/)
  while ((await statistics(nc, 'full')).backlog < 1);
  /** How many refusals it has told of, and in how many lines. */
  const told = () => {
    const lines = executor.stdout.filter(line => / error 429: /.test(line))
    return {
      lines: lines.length,
      refusals: lines.reduce((sum, line) => sum + Number(/: (\d+) more/.exec(line)?.[1] ?? 1), 0),
    }
  }
  await refuse(50)
  while (told().refusals < 50) await executor.line(/ error 429: /, told().lines + 1)
  t.ok(told().lines < 10, executor.output)
  await refuse(20)
  executor.kill('SIGTERM')
  executor.kill('SIGINT')
  await Promise.all(ended)
  await executor.exit
  t.equal(told().refusals, 70, 'the last ones, too')
})

t.test('--log json', async t => {
  const executor = run(t, 'executor', ['--servers', server.url, '--log', 'json', '--service', 'fib'])
  await executor.line(/"ready"/)
  const reply = await request('fib', '29')
  await request('fib', '-1')
  nc.publish('fib', '1')
  await executor.line(/"warning"/)
  executor.kill('SIGINT')
  t.equal(await executor.exit, 0)
  t.strictSame(executor.stderr, [])
  const lines = executor.stdout.map(line => JSON.parse(line))
  const executorId = reply.headers?.get('Executor-Id')
  for (const { time } of lines) t.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000)
  const requestId = lines[1].requestId
  t.match(requestId, /^[\w-]+$/)
  const expected = [
    { level: 'info', event: 'ready', service: 'fib' },
    { level: 'info', event: 'started', requestId, argument: '29' },
    { level: 'info', event: 'completed', requestId, result: '514229', milliseconds: Number },
    { level: 'info', event: 'started', requestId: String, argument: '-1' },
    { level: 'warn', event: 'failed', requestId: String, code: 400, error: /integer/ },
    { level: 'warn', event: 'warning', text: /reply subject/ },
    { level: 'info', event: 'stopping', computing: 0, waiting: 0 },
  ]
  t.equal(lines.length, expected.length)
  for (const [i, line] of expected.entries()) t.match(lines[i], { ...line, executorId, pid: executor.pid })
})

t.test('--log json: why it ends is for machines, too', async t => {
  const executor = run(t, 'executor', ['--log', 'json', 'nowhere.mjs'])
  t.equal(await executor.exit, 1)
  t.strictSame(executor.stderr, [])
  t.match(
    executor.stdout.map(line => JSON.parse(line)),
    [{ level: 'error', event: 'ended', text: 'cannot load nowhere.mjs: there is no such file', pid: executor.pid }],
  )
})

t.test('--log none', async t => {
  const executor = run(t, 'executor', ['--servers', server.url, '--log', 'none', '--service', 'quiet'])
  for (;;) {
    const reply = await request('quiet', '10').catch(error => error)
    if (reply.code === '503') continue
    t.equal(reply.string(), '55')
    break
  }
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
  t.equal(executor.output, '')
})

t.test('a log that nobody reads on does not stop the work', async t => {
  const executor = run(t, 'executor', ['--servers', server.url, '--service', 'unread'])
  await executor.line(/Awaiting/)
  executor.closeOutput()
  for (let i = 0; i < 5; i++) t.equal((await request('unread', '10')).string(), '55')
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
})
