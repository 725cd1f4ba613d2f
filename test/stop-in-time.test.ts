// Whatever is in the way, stopping takes little longer than `drainTimeout`.
import { once } from 'node:events'
import { type NatsConnection, headers } from 'nats'
import t, { type Test } from 'tap'
import type { Executor } from 'nats-executor'
import { startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const DRAIN_MS = 700
/** For the last messages, and on a busy machine. */
const MORE_MS = 1500

async function stopIn(t: Test, executor: Executor, least = DRAIN_MS) {
  const from = performance.now()
  await executor.stop()
  const ms = Math.round(performance.now() - from)
  t.ok(ms >= least && ms < DRAIN_MS + MORE_MS, `it took ${ms} ms of ${DRAIN_MS}`)
}

async function start(t: Test) {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const executor = await startExecutor(t, server, { drainTimeout: DRAIN_MS })
  return { server, nc, executor }
}

const request = (nc: NatsConnection, act: unknown) => nc.request('acts', JSON.stringify(act), { timeout: 20_000 })

const codeOf = async (reply: ReturnType<NatsConnection['request']>) =>
  (await reply).headers?.get('Nats-Service-Error-Code')

for (const act of ['loop', 'never'])
  t.test(`a computation that does not end: ${act}`, async t => {
    const { nc, executor } = await start(t)
    const started = once(executor, 'started')
    const running = request(nc, [act])
    const waiting = request(nc, ['echo', 1])
    await started
    while ((await statistics(nc)).backlog < 1);
    await stopIn(t, executor)
    t.equal(await codeOf(running), '503')
    t.equal(await codeOf(waiting), '503')
  })

t.test('several of them in one process', async t => {
  const { server, nc } = await start(t)
  const options = { service: 'wide', concurrency: 3, processes: 1, drainTimeout: DRAIN_MS }
  const executor = await startExecutor(t, server, options)
  const running = [1, 2, 3].map(() => nc.request('wide', '["never"]', { timeout: 20_000 }))
  while ((await statistics(nc, 'wide')).computing < 3);
  await stopIn(t, executor)
  t.strictSame(await Promise.all(running.map(codeOf)), ['503', '503', '503'])
})

t.test('a reply whose client is gone', async t => {
  const { server, nc, executor } = await start(t)
  const client = await connectTo(t, server)
  const ended = once(executor, 'completed')
  const named = headers()
  named.set('Request-Id', 'gone')
  client.publish('acts', '["sleep",300]', { reply: '_INBOX.gone', headers: named })
  await client.flush()
  await client.close()
  await ended
  await nc.flush()
  await stopIn(t, executor, 0)
})

for (const act of ['loop', undefined])
  t.test(`a server that stands still, and ${act ?? 'nothing'} runs`, async t => {
    const { server, nc, executor } = await start(t)
    const started = once(executor, 'started')
    if (act) {
      void request(nc, [act]).catch(() => {})
      await started
    }
    server.signal('SIGSTOP')
    t.teardown(() => server.signal('SIGCONT'))
    // It may still have answered a question or two.
    await stopIn(t, executor, 0)
  })

t.test('another executor that stands still does not take what is sent to it', async t => {
  const { server, nc, executor } = await start(t)
  const started = once(executor, 'started')
  const requests = ['a', 'b', 'c', 'd'].map(() => request(nc, ['loop']))
  await started
  const other = await connectTo(t, server)
  const id = 'stands-still'
  const transferred = new Promise<void>(resolve => {
    other.subscribe(`_EXEC.peer.executors.acts.${id}`, { callback: () => resolve() })
  })
  const head = headers()
  head.set('Dispatch', 'report')
  const report = () =>
    other.publish('_EXEC.match.executors.acts', JSON.stringify({ id, n: Date.now(), slots: 1, free: 1 }), {
      headers: head,
    })
  const timer = setInterval(report, 50)
  t.teardown(() => clearInterval(timer))
  await transferred
  await stopIn(t, executor)
  const codes = await Promise.all(requests.map(codeOf))
  t.strictSame(codes, ['503', '503', '503', '503'])
})
