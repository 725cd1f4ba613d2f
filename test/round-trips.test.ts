// A connection that is slow, busy, or of a process that was away for a while is not taken for dead.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { rttOf } from '../lib/nats/pings.js'
import { startLink } from './fixtures/link.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { openOwned } from './fixtures/owned-connection.js'
import { INFO, startPeer } from './fixtures/peer.js'

t.test('a round trip of 160 ms, with and without load', async t => {
  const server = await startServer(t)
  const link = await startLink(t, server.port)
  link.delay(80)
  const [idle, busy] = [await openOwned(t, link.url), await openOwned(t, link.url)]
  let heard = 0
  busy.nc.subscribe('load', { callback: () => void heard++ })
  const timer = setInterval(() => busy.nc.publish('load', 'x'.repeat(10_000)), 10)
  await sleep(8000)
  clearInterval(timer)
  for (const { nc, told } of [idle, busy]) {
    t.ok(rttOf(nc) > 155 && rttOf(nc) < 400, `${rttOf(nc)} ms`)
    t.strictSame(told, [])
  }
  t.ok(heard > 0)
})

t.test('the round-trip time is known soon, and of our own connections alone', async t => {
  const server = await startServer(t)
  const [owned, other] = [await openOwned(t, server.url), await connectTo(t, server)]
  await owned.nc.flush()
  t.ok(rttOf(owned.nc) > 0 && rttOf(owned.nc) < 1000)
  t.equal(rttOf(other), 0)
})

t.test('a process that was blocked for 6 s', async t => {
  const server = await startServer(t)
  const owned = []
  // Some have just asked, some are about to.
  for (let i = 0; i < 8; i++) {
    owned.push(await openOwned(t, server.url))
    await sleep(270)
  }
  for (let i = 0; i < 2; i++) {
    const end = performance.now() + 6000
    while (performance.now() < end);
    await sleep(300)
  }
  await sleep(3000)
  for (const { nc, told } of owned) {
    await nc.flush()
    t.strictSame(told, [])
    t.ok(rttOf(nc) < 500, `${rttOf(nc)} ms`)
  }
})

t.test('a long message on a slow line holds up the PONG', async t => {
  const read = { bytes: 0 }
  const peer = await startPeer(t, socket => {
    socket.write(INFO)
    socket.on('data', data => {
      read.bytes += data.length
      // Reads 2 MB a second, and answers what it has read at the beginning.
      if (read.bytes < 1000) socket.write('PONG\r\n'.repeat(String(data).split('PING\r\n').length - 1))
      socket.pause()
      setTimeout(() => socket.resume(), (data.length / 2e6) * 1000)
    })
  })
  const owned = await openOwned(t, peer.url)
  await owned.nc.flush()
  for (let i = 0; i < 24; i++) owned.nc.publish('long', new Uint8Array(1_000_000))
  while (read.bytes < 22e6 && owned.told.length === 0) await sleep(50)
  t.strictSame(owned.told, [])
})
