// A server that stands still holds nobody up for good.
import t from 'tap'
import { closeWithin, within } from '../lib/nats/connection.js'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { INFO, startPeer } from './fixtures/peer.js'
import { run } from './fixtures/processes.js'

async function seconds(work: Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work
  return (performance.now() - from) / 1000
}

t.test('closing a client, with and without calls under way', async t => {
  const server = await startServer(t)
  await startExecutor(t, server)
  const clients = [newClient(t, server), newClient(t, server)]
  for (const client of clients) t.equal(await client.call(['echo', 1]), 1)
  server.signal('SIGSTOP')
  t.teardown(() => server.signal('SIGCONT'))
  const calls = Array.from({ length: 16 }, () => rejection(clients[0]!.call(['echo', 'x'.repeat(500_000)])))
  const [busy, idle] = await Promise.all(clients.map(client => seconds(client.close())))
  t.ok(busy! < 8, `${busy} s`)
  t.ok(idle! < 3, `${idle} s`)
  for (const error of await Promise.all(calls)) t.match(error, { name: 'CancelledError' })
})

t.test('closeWithin', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const closed = nc.closed()
  server.signal('SIGSTOP')
  t.teardown(() => server.signal('SIGCONT'))
  t.ok((await seconds(closeWithin(nc, 200))) < 1)
  t.ok(nc.isClosed())
  t.equal(await closed, undefined)
  await closeWithin(nc, 200)
  await within(Promise.reject(new Error('on purpose')), 200)
})

t.test('closeWithin lets what was published arrive', async t => {
  const server = await startServer(t)
  const [sender, receiver] = [await connectTo(t, server), await connectTo(t, server)]
  let count = 0
  receiver.subscribe('numbers', { callback: () => void count++ })
  await receiver.flush()
  for (let i = 0; i < 100; i++) sender.publish('numbers', 'x'.repeat(100_000))
  await closeWithin(sender, 10_000)
  await receiver.flush()
  t.equal(count, 100)
})

t.test('cmd/client', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const started = new Promise(resolve => executor.once('started', resolve))
  const client = run(t, 'client', ['--servers', server.url, '--service', 'acts', '--timeout', '2', '["never"]'])
  await started
  server.signal('SIGSTOP')
  t.teardown(() => server.signal('SIGCONT'))
  t.equal(await client.exit, 4, client.output)
})

t.test('a server that answers no ping is left, though it has not taken all', async t => {
  const peer = await startPeer(t, socket => {
    socket.write(INFO)
    socket.on('data', data => {
      if (!String(data).startsWith('CONNECT')) return
      socket.write('PONG\r\n')
      socket.pause()
    })
  })
  const connection = { servers: peer.url, pingInterval: 100 }
  const client = newClient(t, peer as never, { connection })
  const calls = Array.from({ length: 32 }, () => rejection(client.call(['echo', 'x'.repeat(1_000_000)])))
  await peer.until(() => peer.count === 2)
  await client.close()
  await Promise.all(calls)
})
