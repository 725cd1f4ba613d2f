// A peer that takes connections and says nothing is given up in time, and no socket is left with it.
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import t from 'tap'
import { newClient, newExecutor, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { INFO, startPeer } from './fixtures/peer.js'
import { run } from './fixtures/processes.js'

const problems = (lines: string[]) => lines.filter(line => !line.startsWith(' [x] Requesting'))

for (const [title, greeting] of [
  ['silent', ''],
  ['that stops within its greeting', INFO.slice(0, 20)],
  ['silent after its greeting', INFO],
] as const)
  t.test(`cmd/client and a peer ${title}`, async t => {
    const peer = await startPeer(t, socket => void socket.resume().write(greeting))
    const from = performance.now()
    const client = run(t, 'client', ['--servers', `${peer.url},${peer.url}`, '--timeout', '1', '30'])
    t.equal(await client.exit, 3)
    t.ok(performance.now() - from < 4000, 'soon after its timeout')
    t.strictSame(client.stdout, [])
    t.match(problems(client.stderr), [`client: no nats-server at ${peer.url}`])
  })

t.test('cmd/status and a peer that is silent, or that never ceases to speak', async t => {
  const NOISE = Buffer.alloc(65_536, 'x')
  const speak = (socket: Socket) => {
    while (!socket.destroyed && socket.write(NOISE));
    socket.once('drain', () => speak(socket))
  }
  for (const behave of [(socket: Socket) => void socket.resume(), speak]) {
    const peer = await startPeer(t, behave)
    const status = run(t, 'status', ['--servers', peer.url])
    t.equal(await status.exit, 3, status.output)
    t.strictSame(status.stderr, [`status: no nats-server at ${peer.url}`])
  }
})

t.test('cmd/executor goes on trying, says so once, and ends on SIGTERM', async t => {
  const peer = await startPeer(t)
  const executor = run(t, 'executor', ['--servers', peer.url])
  await peer.until(() => peer.count === 1)
  const from = performance.now()
  await executor.line(new RegExp(`no nats-server yet at ${peer.url}: `))
  t.ok(performance.now() - from < 10_000, 'by default after 5 s')
  await peer.until(() => peer.count === 2)
  const told = performance.now()
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
  t.ok(performance.now() - told < 2000, 'at once')
  t.equal(executor.stderr.length, 1)
})

for (const [title, options] of [
  ['', {}],
  [', TLS first', { tls: { handshakeFirst: true } }],
] as const)
  t.test(`attempts leave no socket${title}`, async t => {
    const peer = await startPeer(t)
    const connection = { servers: [peer.url, peer.url], timeout: 100, ...options }
    const client = newClient(t, { url: peer.url } as never, { connection })
    const executor = newExecutor(t, { url: peer.url } as never, { connection })
    const noticed = once(executor, 'warning')
    const [call, starting] = [rejection(client.call(1)), rejection(executor.start())]
    await peer.until(() => peer.count >= 10)
    t.match(await noticed, [`no nats-server yet at ${peer.url}`])
    t.ok(peer.sockets.size <= 4, `${peer.sockets.size} of ${peer.count} are left`)
    await Promise.all([client.close(), executor.stop()])
    await peer.until(() => peer.sockets.size === 0)
    t.match(await call, { name: 'CancelledError' })
    t.match(await starting, { message: 'the executor was stopped', cause: { code: 'TIMEOUT' } })
  })

t.test('nor do those of a reconnect', async t => {
  const server = await startServer(t)
  const client = newClient(t, server, { connection: { servers: server.url, timeout: 100 } })
  const executor = newExecutor(t, server, { connection: { servers: server.url, timeout: 100 } })
  await executor.start()
  t.equal(await client.call(['echo', 1]), 1)
  await server.kill()
  const peer = await startPeer(t, undefined, server.port)
  await peer.until(() => peer.count >= 5)
  t.ok(peer.sockets.size <= 2, `${peer.sockets.size} of ${peer.count} are left`)
  await Promise.all([client.close(), executor.stopNow()])
  await peer.until(() => peer.sockets.size === 0)
})

t.test('sockets of others are left alone', async t => {
  const server = await startServer(t)
  const [others, silent] = [await startPeer(t), await startPeer(t)]
  const trying = newClient(t, server, { connection: silent.url })
  const call = rejection(trying.call(1))
  await silent.until(() => silent.count === 1)

  const executor = await startExecutor(t, server)
  // A listener runs on behalf of the connection that the message came from.
  const sockets: Socket[] = []
  executor.on('warning', () => sockets.push(connect(others.port, '127.0.0.1').on('error', () => {})))
  t.teardown(() => sockets.forEach(socket => socket.destroy()))
  const nc = await connectTo(t, server)
  for (let i = 0; i < 3; i++) nc.publish('acts', 'no reply subject')
  await others.until(() => others.count === 3)
  await Promise.all([trying.close(), executor.stop()])
  await call
  t.strictSame(
    sockets.map(socket => socket.destroyed),
    [false, false, false],
  )
})
