// What other tests build on: a line that delays, loses and resets, and a cluster whose lines are such.
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startCluster } from './fixtures/cluster.js'
import { type Link, startLink } from './fixtures/link.js'
import { connectTo } from './fixtures/nats-server.js'
import { startPeer } from './fixtures/peer.js'

async function connectBy(t: Test, link: Link): Promise<Socket> {
  const socket = connect(link.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

const echo = (t: Test) => startPeer(t, socket => void socket.pipe(socket))

t.test('a delay each way', async t => {
  const link = await startLink(t, (await echo(t)).port)
  link.delay(50)
  const socket = await connectBy(t, link)
  socket.write('1')
  await once(socket, 'data')
  const from = performance.now()
  socket.write('2')
  t.equal(String((await once(socket, 'data'))[0]), '2')
  t.ok(performance.now() - from >= 99)
})

t.test('what is cut flows on when it is mended, in order', async t => {
  const peer = await echo(t)
  const link = await startLink(t, peer.port)
  const socket = await connectBy(t, link)
  socket.write('1')
  t.equal(String((await once(socket, 'data'))[0]), '1')
  let heard = ''
  socket.on('data', bytes => (heard += String(bytes)))
  link.cut()
  socket.write('2')
  const late = await connectBy(t, link)
  late.write('late')
  await sleep(100)
  t.equal(heard, '')
  t.equal(peer.count, 1, 'nobody gets through')
  socket.write('3')
  link.mend()
  t.equal(String((await once(late, 'data'))[0]), 'late')
  while (heard.length < 2) await sleep(5)
  t.equal(heard, '23')
  socket.end()
  await peer.until(() => peer.sockets.size === 1)
  while (link.size > 1) await sleep(5)
})

t.test('a reset', async t => {
  const peer = await echo(t)
  const link = await startLink(t, peer.port)
  const socket = await connectBy(t, link)
  await peer.until(() => peer.sockets.size === 1)
  link.reset()
  t.match(await once(socket, 'error'), [{ code: 'ECONNRESET' }])
  await peer.until(() => peer.sockets.size === 0)
  t.equal(link.size, 0)
})

t.test('a cluster: what one server gets comes out at another, by the links', async t => {
  const cluster = await startCluster(t, { hasLinks: true })
  const servers = cluster.urls
  t.equal(servers.length, 3)
  const [first, second] = await Promise.all(servers.map(url => connectTo(t, cluster.servers[0]!, { servers: url })))
  const got = new Promise(resolve => first!.subscribe('words', { callback: (_, message) => resolve(message.string()) }))
  await first!.flush()
  const timer = setInterval(() => second!.publish('words', 'hello'), 20)
  t.teardown(() => clearInterval(timer))
  t.equal(await got, 'hello')
  t.ok(cluster.routes.flat().every(({ size }) => size > 0))
  for (const line of cluster.linesOf(2)) line.reset()
  await cluster.formed()
  await cluster.servers[2]!.kill()
  await cluster.formed(cluster.servers.slice(0, 2))
  await cluster.servers[2]!.start()
  await cluster.formed()
  await cluster.servers[2]!.stop()
})
