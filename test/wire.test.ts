// What a connection of ours reads and writes in a way of its own is what nats.js would read and write, whatever comes in which pieces.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Msg } from 'nats'
import t, { type Test } from 'tap'
import { seededRandom } from '../dev/random.js'
import { wireParts } from '../lib/nats/nats-internals.js'
import { openOwned } from './fixtures/owned-connection.js'
import { INFO, startPeer } from './fixtures/peer.js'

const SIZES = [0, 1, 100, 5000, 16_383, 16_384, 70_000, 200_000]
const bytesOf = (random: () => number, size: number) => Buffer.alloc(size, Math.floor(random() * 256))
const pick = <T>(random: () => number, of: readonly T[]) => of[Math.floor(random() * of.length)]!
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64')

/** Connected to a server that answers the first PING; what it is sent later is left to the test. */
async function connected(t: Test) {
  const sockets: Socket[] = []
  const peer = await startPeer(t, socket => {
    sockets.push(socket)
    socket.write(INFO)
    socket.on('data', function greeting(data) {
      if (!String(data).includes('PING')) return
      socket.off('data', greeting)
      socket.write('PONG\r\n')
    })
  })
  const { nc } = await openOwned(t, peer.url)
  return { nc, peer, sockets }
}

t.test('messages that come in pieces', async t => {
  const random = seededRandom(1)
  const { nc, sockets } = await connected(t)
  const heard: Msg[] = []
  const expected: string[] = []
  nc.subscribe('there', { callback: (_, message) => heard.push(message) })
  const parts: Buffer[] = []
  for (let n = 0; n < 300; n++) {
    const body = bytesOf(random, pick(random, SIZES))
    const head = n % 3 === 0 ? '' : `NATS/1.0\r\nN: ${n}\r\n\r\n`
    const sizes = head ? `${head.length} ${head.length + body.length}` : body.length
    parts.push(Buffer.from(`${head ? 'H' : ''}MSG there 1 ${sizes}\r\n${head}`), body, Buffer.from('\r\n'))
    expected.push(`${head ? n : undefined} ${digest(body)}`)
  }
  const all = Buffer.concat(parts)
  const socket = sockets[0]!.setNoDelay(true)
  for (let at = 0; at < all.length;) {
    const length = 1 + Math.floor(random() * pick(random, [3, 3000, 100_000]))
    if (!socket.write(all.subarray(at, at + length))) await once(socket, 'drain')
    at += length
  }
  socket.write('PING\r\n')
  socket.resume()
  while (heard.length < expected.length) await once(socket, 'data')
  // What came later has not changed them.
  t.strictSame(
    heard.map(({ headers, data }) => `${headers?.get('N')} ${digest(data)}`),
    expected,
  )
})

t.test('messages to a server that takes them slowly', async t => {
  const random = seededRandom(2)
  const { nc, sockets } = await connected(t)
  const socket = sockets[0]!.pause()
  const expected: Buffer[] = []
  const got: Buffer[] = []
  let length = 0
  for (let turn = 0; turn < 150; turn++) {
    for (let n = Math.floor(random() * 100); n >= 0; n--) {
      const body = bytesOf(random, pick(random, n < 3 ? SIZES : SIZES.slice(0, 3)))
      nc.publish('here', body)
      expected.push(Buffer.from(`PUB here ${body.length}\r\n`), body, Buffer.from('\r\n'))
      length += body.length
    }
    await new Promise(setImmediate)
    // More comes while it takes what had to wait.
    if (turn === 120) socket.on('data', data => got.push(data)).resume()
  }
  t.ok(length > 12e6, 'more than a socket takes')
  const all = Buffer.concat(expected)
  const size = () => got.reduce((sum, { length }) => sum + length, 0)
  while (size() < all.length) await once(socket, 'data')
  // Nothing else is said but by our own pings.
  t.equal(digest(withoutPings(Buffer.concat(got))), digest(all))
})

t.test('what is not the protocol', async t => {
  const { nc, peer, sockets } = await connected(t)
  sockets[0]!.write('NONSENSE\r\n')
  await peer.until(() => peer.count === 2)
  t.pass('is left, and the server dialled again')
  await nc.close()
})

t.test('a message that is said to be endless', async t => {
  const { nc, peer, sockets } = await connected(t)
  nc.subscribe('there', { callback: () => {} })
  const before = process.memoryUsage().arrayBuffers
  sockets[0]!.write('MSG there 1 99999999999\r\nbeginning')
  await new Promise(setImmediate)
  sockets[0]!.destroy()
  await peer.until(() => peer.count === 2)
  t.ok(process.memoryUsage().arrayBuffers - before < 50e6, 'no room is made for it')
  await nc.close()
})

t.test('without the parts of nats.js that it needs', async t => {
  const { nc } = await connected(t)
  t.ok(Object.hasOwn(wireParts(nc)!, 'flushPending'), 'they are there')
  t.notOk(wireParts({ protocol: {} } as never))
  t.notOk(wireParts({} as never))
})

/** They lie between two messages. */
function withoutPings(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    if (bytes.toString('latin1', at, at + 6) === 'PING\r\n') {
      at += 6
      continue
    }
    const head = bytes.indexOf('\r\n', at) + 2
    const end = head + Number(bytes.toString('latin1', at, head).split(' ')[2]) + 2
    parts.push(bytes.subarray(at, end))
    at = end
  }
  return Buffer.concat(parts)
}
