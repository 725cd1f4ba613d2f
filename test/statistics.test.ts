// STATS tells the truth: how many, how many errors, and how long in whole nanoseconds.
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
await startExecutor(t, server)
const nc = await connectTo(t, server)

const send = (body: unknown) => nc.request('acts', JSON.stringify(body), { timeout: 10_000 })
const statistics = async () => (await nc.request('$SRV.STATS', '', { timeout: 10_000 })).json<any>().endpoints[0]

t.test('requests and errors are counted', async t => {
  await send(['echo', 1])
  await send(['refuses', 'not this'])
  await send(['throws', 'first failure'])
  await nc.request('acts', 'not JSON', { timeout: 10_000 })
  t.match(await statistics(), { num_requests: 4, num_errors: 3, last_error: '400: InvalidArgumentError' })
  await send(['throws', 'last failure'])
  await send(['echo', 2])
  t.match(await statistics(), { num_requests: 6, num_errors: 4, last_error: '500: ExecutionError' })
})

t.test('the time of an asynchronous computation is the time until its end', async t => {
  const before = await statistics()
  const times = await Promise.all([50, 50, 50].map(ms => send(['sleep', ms])))
  const after = await statistics()
  const spent = after.processing_time - before.processing_time
  t.ok(spent >= 3 * 45e6, `${spent} ns`)
  t.ok(Number.isSafeInteger(after.processing_time))
  t.ok(Number.isSafeInteger(after.average_processing_time))
  t.equal(after.average_processing_time, Math.round(after.processing_time / after.num_requests))
  const told = times.reduce((sum, reply) => sum + Number(reply.headers?.get('Compute-Ms')), 0)
  t.ok(Math.abs(told - spent / 1e6) < 0.01, 'the replies say the same')
})
