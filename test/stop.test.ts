// Stopping loses nothing: what is here is computed, or refused so that it is sent to somebody else.
import { once } from 'node:events'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, newExecutor, rejection, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const nc = await connectTo(t, server)

t.test('what has started and what waits is computed', async t => {
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  const gate = new Gate(t)
  const running = client.call(['gate', gate.name])
  await gate.heard('here')
  const waiting = [1, 2, 3].map(n => client.call(['echo', n]))
  while ((await statistics(nc)).backlog !== 3);
  const stopping = executor.stop()
  t.equal(executor.stop(), stopping)
  // It has left the group.
  for (;;) if ((await nc.request('acts', '1', { timeout: 100 }).catch(error => error)).code === '503') break
  gate.open()
  t.equal(await running, 'go')
  t.strictSame(await Promise.all(waiting), [1, 2, 3])
  await stopping
  t.equal(await executor.closed, undefined)
})

t.test('what cannot be computed in time is refused', async t => {
  const executor = await startExecutor(t, server, { drainTimeout: 100 })
  const gate = new Gate(t)
  const running = nc.request('acts', JSON.stringify(['gate', gate.name]), { timeout: 20_000 })
  await gate.heard('here')
  const waiting = nc.request('acts', '["echo",1]', { timeout: 20_000 })
  while ((await statistics(nc)).backlog !== 1);
  const stopping = executor.stop()
  const { headers } = await waiting
  t.equal(headers?.get('Nats-Service-Error-Code'), '503')
  t.match(headers?.get('Retry-After-Ms'), /^\d+$/)
  gate.open()
  t.equal((await running).json(), 'go', 'what has started is finished')
  await stopping
})

t.test('a client sends what was refused to somebody else', async t => {
  const first = await startExecutor(t, server, { balance: false })
  const client = newClient(t, server)
  const abort = new AbortController()
  const calling = once(first, 'started')
  const running = rejection(client.call(['loop'], { signal: abort.signal }))
  await calling
  const waiting = client.request(['echo', 'moved'])
  while ((await statistics(nc)).backlog !== 1);
  const second = await startExecutor(t, server, { balance: false })
  await first.stopNow()
  abort.abort()
  t.match(await running, { name: 'CancelledError' })
  t.match(await waiting, { result: 'moved', executorId: second.id })
  await second.stop()
})

t.test('what had started is lost when its executor stops at once, and with retries 0 is not sent again', async t => {
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  const calling = once(executor, 'started')
  const running = rejection(client.call(['loop'], { retries: 0 }))
  await calling
  await executor.stopNow()
  t.match(await running, { name: 'RequestLostError', code: 503 })
})

t.test('stopNow ends what never ends', async t => {
  const executor = await startExecutor(t, server)
  const calling = once(executor, 'started')
  const running = nc.request('acts', '["loop"]', { timeout: 20_000 })
  await calling
  const stopping = executor.stop()
  await executor.stopNow()
  await stopping
  t.equal((await running).headers?.get('Nats-Service-Error-Code'), '503')
})

t.test('an executor that was never started', async t => {
  const executor = newExecutor(t, server)
  await executor.stop()
  t.equal(await executor.closed, undefined)
})

t.test('one that is told to stop while it loads its function never joins the group', async t => {
  const gate = new Gate(t)
  // It loads when it is told to. (A URL has no line breaks.)
  const slow = [
    "data:text/javascript,import { connect } from 'node:net';",
    `const socket = connect(${JSON.stringify(gate.name)});`,
    "socket.write('here\\n');",
    "await new Promise(resolve => socket.once('data', resolve));",
    'socket.destroy();',
    'export default () => 1',
  ].join('')
  const executor = newExecutor(t, server, { module: slow, service: 'slow' })
  let joined = 0
  executor.on('ready', () => void joined++)
  const starting = rejection(executor.start())
  await gate.heard('here')
  const stopped = executor.stop()
  gate.open()
  await starting
  await stopped
  t.equal(joined, 0)
  t.equal(await executor.closed, undefined)
})
