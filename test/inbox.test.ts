// A connection that was handed in is left as it was, and other versions of nats.js do as well.
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

t.test('nothing is left of a client on a connection that was handed in', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  await startExecutor(t, server)
  const inner = nc as any
  await nc.request('acts', '["echo",0]', { timeout: 10_000 })
  const state = () => ({
    inbox: inner.protocol.subscriptions.getMux().callback,
    pending: inner.protocol.muxSubscriptions.size(),
    subscriptions: inner.protocol.subscriptions.size(),
    listeners: inner.listeners.length,
  })
  const before = state()
  const client = newClient(t, server, { connection: nc })
  t.equal(await client.call(['echo', 1]), 1)
  t.equal(state().inbox, before.inbox)
  t.equal((await rejection(client.call(['never'], { timeout: 400 }))).name, 'TimeoutError')
  const call = rejection(client.call(['never']))
  await client.close()
  t.equal((await call).name, 'CancelledError')
  t.strictSame(state(), before)
  t.equal((await nc.request('acts', '["echo",2]', { timeout: 10_000 })).string(), '2')
})

t.test('a subject that is not allowed, on either kind of connection', async t => {
  const permissions = 'permissions: { publish: ["acts", "other"], subscribe: ["_INBOX.>", "acts"] }'
  const server = await startServer(
    t,
    `authorization { users: [{ user: all, password: x }, { user: some, password: x, ${permissions} }] }`,
  )
  const all = { servers: server.url, user: 'all', pass: 'x' }
  const some = { ...all, user: 'some' }
  await startExecutor(t, server, { connection: all })
  const kinds = [
    ['own', some, { ...some, inboxPrefix: 'elsewhere' }],
    ['handed in', await connectTo(t, server, some), await connectTo(t, server, { ...some, inboxPrefix: 'elsewhere' })],
  ] as const
  for (const [kind, connection, deaf] of kinds) {
    const error = await rejection(newClient(t, server, { connection, service: 'secret' }).call(1))
    t.match(error, { name: 'UnavailableError', message: /permissions violation for publish to "secret"/i }, kind)
    t.equal(
      await newClient(t, server, { connection }).call(['sleep', 400]),
      400,
      `${kind}: it may not ask who holds it`,
    )
    const client = newClient(t, server, { connection: deaf })
    for (let i = 0; i < 2; i++)
      t.match(await rejection(client.call(1)), { message: /permissions violation for subscription/i }, kind)
  }
})

t.test('inboxes that executors were not told of', async t => {
  const server = await startServer(t)
  await startExecutor(t, server)
  const unheard = 'no executor has said that it has the request: is other among their --inbox-prefixes?'
  const ours = { timeout: 1000, inboxPrefix: 'other.inboxes' }
  t.match(await rejection(newClient(t, server, ours).call(1)), {
    name: 'TimeoutError',
    message: `no answer within 1 s (${unheard})`,
  })
  await startExecutor(t, server, { service: 'told', inboxPrefixes: ['other'] })
  const sleeping = newClient(t, server, { ...ours, service: 'told' }).call(['sleep', 60_000])
  t.match(await rejection(sleeping), { code: 408, message: /^((?!inbox).)*$/ })
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

for (const end of ['close', 'drain'] as const)
  t.test(`a connection on which its owner calls ${end}() ends what is under way`, async t => {
    const server = await startServer(t)
    const nc = await connectTo(t, server)
    const client = newClient(t, server, { connection: nc })
    const executor = await startExecutor(t, server)
    const calling = new Promise(resolve => executor.once('started', resolve))
    const calls = [rejection(client.call(['never']))]
    await calling
    const nobody = newClient(t, server, { connection: nc, service: 'nobody' })
    calls.push(rejection(nobody.call(1)))
    const map = (async () => {
      for await (const _ of client.map(Array.from({ length: 1000 }, () => ['never'])));
    })()
    calls.push(rejection(map))
    const ended = nc[end]()
    // Some are sent while it drains.
    for (let i = 0; i < 10; i++) calls.push(rejection(client.call(['never'])), rejection(nobody.call(1)))
    await ended
    calls.push(rejection(client.call(['never'])))
    for (const call of calls) t.match(await call, { name: 'ConnectionError', code: 503 })
    await Promise.all([client.close(), nobody.close()])
  })
