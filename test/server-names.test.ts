// Servers under names: what the system knows needs no name service, and one of several addresses that is dead costs little.
import { once } from 'node:events'
import { type Socket, createServer } from 'node:net'
import t from 'tap'
import { startExecutor, newClient } from './fixtures/library.js'
import { NAME, NameService } from './fixtures/name-service.js'
import { startServer } from './fixtures/nats-server.js'
import { openOwned } from './fixtures/owned-connection.js'

t.test('a silent name service is not asked for a name of this machine', async t => {
  const names = await new NameService().start(t)
  const server = await startServer(t)
  const connection = `localhost:${server.port}`
  await startExecutor(t, server, { connection })
  t.equal(await newClient(t, server, { connection }).call(['echo', 1]), 1)
  const owned = await openOwned(t, connection)
  await server.kill()
  await owned.heard(false)
  await server.start()
  await owned.heard(true)
  t.strictSame(names.asked, [])
})

t.test('of several addresses those that are silent cost two seconds each', async t => {
  const names = await new NameService().start(t)
  const server = await startServer(t)
  const silent = ['127.0.0.5', '127.0.0.6']
  const dialled: string[] = []
  for (const address of silent) {
    const sockets = new Set<Socket>()
    const peer = createServer(socket => {
      dialled.push(address)
      sockets.add(socket.on('error', () => {}))
    }).listen(server.port, address)
    await once(peer, 'listening')
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      peer.close()
    })
  }
  names.addresses = [...silent, '127.0.0.1']
  const from = performance.now()
  await openOwned(t, `${NAME}:${server.port}`)
  const took = performance.now() - from
  t.ok(took < 8000, `${Math.round(took)} ms: each might have 5 s if it were the only one`)
  // One is asked why it is silent, too.
  t.strictSame([...new Set(dialled)], silent)
})

t.test('the addresses of the last time, while there is no name service', async t => {
  const names = await new NameService().start(t)
  const server = await startServer(t)
  for (const addresses of [['127.0.0.1'], ['127.0.0.5', '127.0.0.1']]) {
    names.addresses = addresses
    const owned = await openOwned(t, `${NAME}:${server.port}`)
    names.addresses = []
    await server.kill()
    await owned.heard(false)
    await server.start()
    await owned.heard(true)
    t.ok(owned.port)
  }
})

t.test('a name that gets another address is followed', async t => {
  const names = await new NameService().start(t)
  const server = await startServer(t)
  names.addresses = ['127.0.0.5', '127.0.0.1']
  const owned = await openOwned(t, `${NAME}:${server.port}`)
  names.addresses = ['127.0.0.1']
  await server.kill()
  await owned.heard(false)
  await server.start()
  await owned.heard(true)
  t.equal(owned.port, server.port)
})
