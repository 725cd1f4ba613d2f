// Servers under names: what the system knows needs no name service, and one of several addresses that is dead costs little.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fixture, startExecutor, newClient } from './fixtures/library.js'
import { NAME, NameService } from './fixtures/name-service.js'
import { startServer } from './fixtures/nats-server.js'
import { openOwned } from './fixtures/owned-connection.js'
import { INFO } from './fixtures/peer.js'

const INFO_TLS = INFO.replace('{', '{"tls_required":true,')

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
  t.ok(took < 9500, `${Math.round(took)} ms: each would have 5 s if it were the only one`)
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

t.test('with TLS, too, which is told the name', async t => {
  const names = await new NameService().start(t)
  const cert = fileURLToPath(fixture('tls/cert.pem'))
  const key = fileURLToPath(fixture('tls/key.pem'))
  const server = await startServer(t, `tls { cert_file: "${cert}", key_file: "${key}" }`)
  const told: unknown[] = []
  const peer = createServer(socket => {
    socket.on('error', () => {}).write(INFO_TLS)
    const secure = new TLSSocket(socket, {
      isServer: true,
      cert: readFileSync(cert),
      key: readFileSync(key),
      SNICallback: name => void (told.push(name), socket.destroy()),
    })
    secure.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(peer, 'listening')
  t.teardown(() => peer.close())
  const tls = { ca: readFileSync(cert, 'utf8') }
  const { port } = peer.address() as AddressInfo
  const owned = await openOwned(t, [`tls://localhost:${port}`, `tls://localhost:${server.port}`], { tls })
  t.equal(owned.port, server.port)
  // It may be asked why it is slow, too.
  t.strictSame([...new Set(told)], ['localhost'])
  await server.kill()
  await owned.heard(false)
  await server.start()
  await owned.heard(true)
  t.strictSame([...new Set(told)], ['localhost'])
  t.strictSame(names.asked, [])
})

for (const silentMs of [0, 20_000])
  t.test(`a name of which nothing is known after ${silentMs} ms does not hold up the others`, async t => {
    const names = await new NameService().start(t)
    names.silentMs = silentMs
    const server = await startServer(t)
    const from = performance.now()
    const owned = await openOwned(t, [`${NAME}:${server.port}`, `localhost:${server.port}`])
    const took = performance.now() - from
    t.ok(took < 10_000 && took >= Math.min(silentMs, 1900), `${Math.round(took)} ms`)
    t.equal(owned.port, server.port)
    t.strictSame(names.asked, [])
  })
