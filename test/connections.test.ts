// A connection that was given stays open, and one of one's own is closed.
import t from 'tap'
import { newClient, newExecutor, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const CLOSED = { name: 'CancelledError', code: 499, message: 'the client was closed' }

t.test('given connections', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server, { name: 'mine' })
  const executor = await startExecutor(t, server, { connection: nc })
  const client = newClient(t, server, { connection: nc })
  t.equal(await client.call(['echo', 1]), 1, 'both may share one')
  t.strictSame(await server.connections(), ['mine'])
  await client.close()
  t.notOk(nc.isClosed())
  await executor.stop()
  t.equal(await executor.closed, undefined)
  t.notOk(nc.isClosed())
  await t.rejects(nc.request('acts', '[]'), { code: '503' }, 'it has left the group')
  await t.rejects(nc.request('$SRV.PING', ''), { code: '503' }, 'and discovery')
  const again = newExecutor(t, server, { connection: nc })
  await again.start()
  t.equal((await nc.request('acts', '["echo",2]', { timeout: 10_000 })).string(), '2', 'it may be used again')
})

t.test('own connections', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  t.strictSame(await server.connections(), ['executor acts'], 'a client connects with the first call')
  t.equal(await client.call(['echo', 1]), 1)
  t.strictSame((await server.connections()).toSorted(), ['client acts', 'executor acts'])
  t.equal(client.close(), client.close(), 'closing twice is closing once')
  await client.close()
  t.equal(executor.stop(), executor.stop(), 'as is stopping')
  await executor.stop()
  // The server hears of it a little later.
  while ((await server.connections()).length > 0);
  t.match(await rejection(client.call(1)), CLOSED, 'closed is closed')
})

t.test('options that were given are not changed', async t => {
  const server = await startServer(t)
  const options = Object.freeze({ servers: server.url, name: 'named' })
  await startExecutor(t, server, { connection: options })
  t.strictSame(await server.connections(), ['named'])
})

t.test('whose connection is closed by somebody else says so', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const executor = await startExecutor(t, server, { connection: nc })
  await nc.close()
  t.match(await executor.closed, { message: /closed/ })
})
