// An executor that has too much says so, and when to come again.
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, rejection, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
await startExecutor(t, server, { backlog: 1 })
const nc = await connectTo(t, server)
const client = newClient(t, server)

t.test('one more than the backlog takes', async t => {
  const gate = new Gate(t)
  const running = client.call(['gate', gate.name])
  await gate.heard('here')
  const waiting = client.call(['echo', 'waiting'])
  while ((await statistics(nc)).backlog !== 1);

  const { headers } = await nc.request('acts', '["echo",1]', { timeout: 10_000 })
  t.equal(headers?.get('Nats-Service-Error-Code'), '429')
  t.match(headers?.get('Nats-Service-Error'), /backlog is full: 1 /)
  t.match(headers?.get('Retry-After-Ms'), /^[1-9]\d*$/)
  t.match(await rejection(client.call(['echo', 2], { timeout: 300 })), { name: 'OverloadedError', code: 429 })

  const patient = client.call(['echo', 'patient'])
  while ((await nc.request('$SRV.STATS')).json<any>().endpoints[0].num_errors < 3);
  gate.open()
  t.equal(await patient, 'patient', 'a client comes again by itself')
  t.equal(await running, 'go')
  t.equal(await waiting, 'waiting')
})
