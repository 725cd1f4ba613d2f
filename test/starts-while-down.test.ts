// Who is handed a connection whose server is gone waits until it is back, and does not take it for one that is there.
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { newClient, newExecutor, rejection } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'

async function loseServer(t: Test, server: Server) {
  const connection = await connectTo(t, server)
  const lost = (async () => {
    for await (const { type } of connection.status()) if (type === 'disconnect') return
  })()
  await server.kill()
  await lost
  return connection
}

t.test('an executor, and a client beside it', async t => {
  const server = await startServer(t)
  const connection = await loseServer(t, server)
  const executor = newExecutor(t, server, { connection })
  const warnings: string[] = []
  executor.on('warning', text => warnings.push(text))
  const published: string[] = []
  const publish = connection.publish.bind(connection)
  connection.publish = (subject, body, options) => {
    if (body?.length) published.push(subject)
    publish(subject, body, options)
  }
  let isReady = false
  const starting = executor.start().then(() => (isReady = true))
  await once(executor, 'warning')
  const client = newClient(t, server, { connection })
  const call = client.call(['echo', 1])
  t.match(await rejection(client.call(1, { timeout: 300 })), { name: 'NoExecutorsError', message: 'no nats-server' })
  t.notOk(isReady)
  t.strictSame(published, [], 'nobody is told what nobody hears')
  t.equal(client.missing, 'no nats-server')
  await server.start()
  await starting
  t.equal(await call, 1)
  t.strictSame(warnings, ['no nats-server yet', 'connected again'])
})

t.test('an executor that is stopped meanwhile', async t => {
  const server = await startServer(t)
  const connection = await loseServer(t, server)
  const executor = newExecutor(t, server, { connection })
  const starting = rejection(executor.start())
  await once(executor, 'warning')
  await executor.stop()
  t.equal((await starting).message, 'the executor was stopped')
  t.notOk(connection.isClosed())
})
