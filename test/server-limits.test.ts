// A server that allows a connection less than it needs says so without naming a subject.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { Observer } from '../lib/index.js'
import { newClient, newExecutor, rejection, startExecutor } from './fixtures/library.js'
import { Server, connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const LIMIT = 10
const CONFIG = `max_subscriptions: ${LIMIT}`
const SAID = /the server says: maximum subscriptions exceeded \(.*max_subscriptions/

t.test('too few subscriptions for an executor', async t => {
  const server = await startServer(t, CONFIG)
  const executor = run(t, 'executor', ['--servers', server.url])
  t.equal(await executor.exit, 1)
  t.match(executor.stderr, [SAID])
  t.strictSame(executor.stdout, [])
})

t.test('on a connection that has as many as it may have', async t => {
  const server = await startServer(t, CONFIG)
  const connection = await connectTo(t, server)
  const others = Array.from({ length: LIMIT }, (_, i) => connection.subscribe(`other.${i}`))
  await connection.flush()
  const client = newClient(t, server, { connection })
  t.match(await rejection(client.call(1)), {
    name: 'UnavailableError',
    message: 'no reply can come: maximum subscriptions exceeded',
  })
  await using observer = new Observer({ connection })
  t.match(await rejection(observer.executors()), { message: 'maximum subscriptions exceeded' })
  const executor = newExecutor(t, server, { connection })
  const warned = once(executor, 'warning')
  await executor.start()
  t.match(await warned, [SAID])
  await executor.stop()
  for (const other of others) other.unsubscribe()
  t.strictSame(await observer.executors(), [], 'there is room for the inbox now')
})

t.test('a server that comes back and allows fewer', async t => {
  const dir = t.testdir({ 'nats.conf': '' })
  const server = new Server(['-c', `${dir}/nats.conf`])
  t.teardown(() => server.kill())
  await server.start()
  const executor = await startExecutor(t, server)
  const isSaid = new Promise<void>(resolve => executor.on('warning', text => void (SAID.test(text) && resolve())))
  await server.kill()
  writeFileSync(`${dir}/nats.conf`, CONFIG)
  await server.start()
  await isSaid
})
