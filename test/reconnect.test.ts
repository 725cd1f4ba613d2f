// A server that goes away and comes back costs no request.
import { once } from 'node:events'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

t.test('what is answered while the connection is down arrives after it is back', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  const gate = new Gate(t)
  const call = client.call(['gate', gate.name])
  await gate.heard('here')
  const lost = once(executor, 'notice')
  await server.kill()
  await lost
  const answered = once(executor, 'answered')
  gate.open()
  await answered
  await server.start()
  t.equal(await call, 'go')
})

t.test('a computation that goes on meanwhile', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  const gate = new Gate(t)
  const call = client.call(['gate', gate.name])
  await gate.heard('here')
  const lost = once(executor, 'notice')
  await server.kill()
  await lost
  const back = once(executor, 'notice')
  await server.start()
  t.strictSame(await back, ['connected again'])
  while ((await server.connections()).length < 2);
  gate.open()
  t.equal(await call, 'go')
})
