// Whoever is done with a connection that is not theirs leaves nothing on it.
import { Executor, ExecutorClient } from 'nats-executor'
import t from 'tap'
import { watch } from '../lib/nats/watch.js'
import { fixture, newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

/** The iterators of `nc.status()` that nats.js keeps. */
const listeners = (nc: object) => (nc as { listeners: unknown[] }).listeners.length

t.test('clients and executors', async t => {
  const server = await startServer(t)
  const connection = await connectTo(t, server)
  const executor = new Executor({ connection, service: 'acts', module: fixture('acts.mjs') })
  await executor.start()
  const whileOne = listeners(connection)
  for (let i = 0; i < 1000; i++) {
    const client = new ExecutorClient({ connection, service: 'acts' })
    await client.call(['echo', i])
    await client.close()
  }
  t.equal(listeners(connection), whileOne, 'no client')
  await executor.stop()
  t.equal(listeners(connection), 0, 'nobody')
  for (const stop of ['stop', 'stopNow'] as const) {
    const another = new Executor({ connection, service: 'acts' })
    await another.start()
    await another[stop]()
  }
  await new Executor({ connection, module: 'data:text/javascript,throw 1', service: 'none' }).start().catch(() => {})
  t.equal(listeners(connection), 0, 'nor others')
})

t.test('a client that is given a connection whose server is gone waits for that one', async t => {
  const server = await startServer(t)
  const connection = await connectTo(t, server)
  const executor = await startExecutor(t, server)
  // It may be told before the server's end is.
  const changes = connection.status()
  await server.kill()
  for await (const { type } of changes) if (type === 'disconnect') break
  const client = newClient(t, server, { connection })
  const call = client.call(['echo', 1])
  t.match(await rejection(client.call(1, { timeout: 300 })), { name: 'NoExecutorsError', message: 'no nats-server' })
  t.equal(client.missing, 'no nats-server')
  await server.start()
  t.equal(await call, 1)
  await executor.stop()
})

t.test('watch', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const told: string[] = []
  const watchers = Array.from({ length: 50 }, (_, number) => {
    const end = new AbortController()
    const closed = watch(nc, isUp => told.push(`${number} ${isUp}`), end.signal)
    return { end, closed }
  })
  t.equal(listeners(nc), 1, 'however many they are')
  for (const { end } of watchers.slice(2)) end.abort()
  await server.kill()
  while (told.length < 2) await new Promise(setImmediate)
  t.strictSame(told.toSorted(), ['0 false', '1 false'])
  await server.start()
  while (told.length < 4) await new Promise(setImmediate)
  t.strictSame(told.slice(2).toSorted(), ['0 true', '1 true'])
  watchers[0]!.end.abort()
  watchers[1]!.end.abort()
  await Promise.resolve()
  t.equal(listeners(nc), 0)

  const last = watch(nc, () => {}, new AbortController().signal)
  const aborted = watch(nc, () => t.fail('it has ended'), AbortSignal.abort())
  await nc.close()
  t.equal(await last, undefined, 'it tells of the end')
  t.equal(await Promise.race([aborted, Promise.resolve('pending')]), 'pending')
  t.equal(await watch(nc, () => {}, new AbortController().signal), undefined, 'also of one that is closed')
})
