// What a client keeps of a request in nats.js is gone when the call is over, and other versions of nats.js do as well.
import type { NatsConnection } from 'nats'
import t from 'tap'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

/** A connection whose inner parts have other names. */
const foreign = (nc: NatsConnection) =>
  new Proxy(nc, {
    get(target, name) {
      if (name === 'protocol') return undefined
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

t.test('nothing is kept of a call that is over', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const client = newClient(t, server, { connection: nc })
  const pending = () => (nc as any).protocol.muxSubscriptions.size()
  t.equal((await rejection(client.call(1, { timeout: 30 }))).name, 'NoExecutorsError')
  await startExecutor(t, server)
  t.equal(await client.call(['echo', 1]), 1)
  t.equal(pending(), 0)
  t.equal((await rejection(client.call(['never'], { timeout: 30 }))).name, 'TimeoutError')
  const abort = new AbortController()
  const call = client.call(['never'], { signal: abort.signal })
  t.equal(pending() > 0, true)
  abort.abort()
  t.equal((await rejection(call)).name, 'CancelledError')
  await client.close()
  t.equal(pending(), 0)
})

t.test('with a nats.js that keeps requests in its own way', async t => {
  const server = await startServer(t)
  const client = newClient(t, server, { connection: foreign(await connectTo(t, server)) })
  t.equal((await rejection(client.call(1, { timeout: 30 }))).name, 'NoExecutorsError')
  const waiting = client.call(['echo', 'was there in time'])
  await startExecutor(t, server)
  t.equal(await waiting, 'was there in time')
  t.equal((await rejection(client.call(['never'], { timeout: 30 }))).name, 'TimeoutError')
})

t.test('a connection that its owner closes ends what is under way', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const client = newClient(t, server, { connection: nc })
  const executor = await startExecutor(t, server)
  const calling = new Promise(resolve => executor.once('started', resolve))
  const call = rejection(client.call(['never']))
  await calling
  await nc.close()
  t.equal((await call).name, 'ConnectionError')
})
