// Clients and executors may be started before the server.
import { once } from 'node:events'
import t from 'tap'
import { newClient, newExecutor, rejection, startExecutor } from './fixtures/library.js'
import { Link } from './fixtures/link.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

t.test('both wait for it', async t => {
  const server = await startServer(t)
  await server.kill()
  const executor = newExecutor(t, server)
  const noticed = once(executor, 'warning')
  const starting = executor.start()
  t.equal(executor.start(), starting, 'starting twice is starting once')
  t.match(await noticed, [/^no nats-server yet/])
  const call = newClient(t, server).call(['echo', 'at last'])
  await server.start()
  await starting
  t.equal(await call, 'at last')
})

t.test('a server that comes back', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  t.equal(await client.call(['echo', 1]), 1)
  const lost = once(executor, 'warning')
  await server.kill()
  t.match(await lost, ['connection lost'])
  const call = client.call(['echo', 2])
  await server.start()
  t.equal(await call, 2)
})

t.test('a connection that is lost while an executor starts', async t => {
  for (const isStopped of [false, true]) {
    const server = await startServer(t)
    const link = new Link(server.port)
    await link.listen()
    t.teardown(() => link.close())
    const connection = await connectTo(t, server, { servers: link.url })
    const executor = newExecutor(t, server, { connection })
    link.cutTowards('client')
    const starting = isStopped ? rejection(executor.start()) : executor.start()
    while (!(await server.subscriptions()).includes('acts'));
    if (isStopped) await server.kill()
    const lost = once(executor, 'warning')
    link.reset()
    link.mend()
    t.match(await lost, ['connection lost'])
    if (isStopped) {
      await executor.stop()
      await starting
    } else {
      await starting
      t.equal(await newClient(t, server).call(['echo', 1]), 1)
    }
  }
})

t.test('stopping ends the waiting', async t => {
  const server = await startServer(t)
  await server.kill()
  const executor = newExecutor(t, server)
  const noticed = once(executor, 'warning')
  const starting = rejection(executor.start())
  await noticed
  await executor.stop()
  t.match(await starting, { message: 'the executor was stopped', cause: { code: 'CONNECTION_REFUSED' } })
  await newExecutor(t, server).stop()
})
