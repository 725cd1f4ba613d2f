// The thread that talks to NATS never computes.
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const WITHIN_MS = 100

t.test('PING and STATS are answered while fib(44) is computed', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server, { module: undefined, service: 'fibonacci' })
  const nc = await connectTo(t, server)
  let answered = false
  executor.once('completed', () => (answered = true))
  const reply = nc.request('fibonacci', '44', { timeout: 60_000 })
  for (const verb of ['PING', 'STATS']) {
    const times: number[] = []
    for (let i = 0; i < 5; i++) {
      const from = performance.now()
      const message = await nc.request(`$SRV.${verb}`, '', { timeout: 10_000 })
      times.push(performance.now() - from)
      t.equal(message.json<any>().id, executor.id)
      if (verb === 'STATS') t.equal(message.json<any>().endpoints[0].data.computing, 1)
    }
    t.ok(Math.min(...times) < WITHIN_MS, `${verb}: ${times.map(ms => ms.toFixed(1)).join(', ')} ms`)
  }
  t.notOk(answered, 'it is still at it')
  await executor.stopNow()
  t.equal((await reply).headers?.get('Nats-Service-Error-Code'), '503')
})
