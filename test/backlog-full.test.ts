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

t.test('when to come again depends on what was computed, not on what was refused', async t => {
  const subject = 'slow'
  await startExecutor(t, server, { service: subject, backlog: 10 })
  const send = (ms: number) => nc.request(subject, `["sleep",${ms}]`, { timeout: 20_000 })
  await Promise.all([send(100), send(100)])
  const gate = new Gate(t)
  const running = nc.request(subject, JSON.stringify(['gate', gate.name]), { timeout: 20_000 })
  await gate.heard('here')
  const waiting = Array.from({ length: 10 }, () => send(1))
  while ((await statistics(nc, subject)).backlog !== 10);
  const refused = await Promise.all(Array.from({ length: 500 }, () => send(1)))
  const times = refused.map(({ headers }) => Number(headers?.get('Retry-After-Ms')))
  t.ok(times[0]! >= 500 && times[0]! < 5000, `${times[0]} ms`)
  t.strictSame([...new Set(times)], [times[0]])
  gate.open()
  await Promise.all([running, ...waiting])
})
