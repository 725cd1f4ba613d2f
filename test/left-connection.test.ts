// The connection to a server that says nothing any more is left. That of a member of queue groups is reset when the next one is there: a
// server that was cut off hears nothing before, and would send requests into the old one.
import t from 'tap'
import type { CheckedOptions } from '../lib/nats/connection-options.js'
import { open } from '../lib/nats/connection.js'
import { pingParts } from '../lib/nats/nats-internals.js'
import { INFO, startPeer } from './fixtures/peer.js'

for (const isMember of [true, false])
  t.test(isMember ? 'by a member, when the next one is there' : 'by others at once', async t => {
    let isCutOff = false
    const peer = await startPeer(t, socket => {
      if (isCutOff) return void socket.resume()
      socket.write(INFO)
      socket.on('data', data => {
        if (!isCutOff) for (const _ of String(data).matchAll(/PING\r\n/g)) socket.write('PONG\r\n')
      })
    })
    const options: CheckedOptions = { servers: [peer.url], timeout: 500 }
    const end = new AbortController()
    const nc = await open(options, { isMember }, end.signal)
    t.teardown(() => (end.abort(), nc.close()))
    const [first] = peer.sockets
    await nc.flush()
    let heard = 0
    nc.subscribe('there', { callback: () => heard++ })
    await nc.flush()
    isCutOff = true
    await peer.until(() => peer.count >= 3)
    t.equal(peer.sockets.has(first!), isMember)
    // What it still brings belongs to nobody: a PONG would be taken for that of the next one.
    first!.write('MSG there 1 5\r\nstale\r\nPONG\r\nPONG\r\n')
    const { count } = peer
    await peer.until(() => peer.count > count)
    t.notOk(pingParts(nc)!.connected)
    t.equal(heard, 0)
    isCutOff = false
    await peer.until(() => !peer.sockets.has(first!))
    await peer.until(() => peer.sockets.size === 1)
  })
