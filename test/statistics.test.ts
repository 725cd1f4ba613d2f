// STATS tells the truth: how many, how many errors, and how long in whole nanoseconds.
import { headers } from 'nats'
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
await startExecutor(t, server)
const nc = await connectTo(t, server)

const send = (body: unknown) => nc.request('acts', JSON.stringify(body), { timeout: 10_000 })
const statistics = async () => (await nc.request('$SRV.STATS', '', { timeout: 10_000 })).json<any>().endpoints[0]

t.test('requests and errors are counted, and nothing of them is told', async t => {
  await send(['echo', 1])
  await send(['refuses', 'not this'])
  await send(['throws', 'first failure'])
  await nc.request('acts', 'not JSON', { timeout: 10_000 })
  t.match(await statistics(), { num_requests: 4, num_errors: 3, last_error: '400: InvalidArgumentError' })
  await send(['throws', 'last failure'])
  await send(['echo', 2])
  t.match(await statistics(), { num_requests: 6, num_errors: 4, last_error: '500: ExecutionError' })
})

t.test('each argument of a batch counts', async t => {
  const before = await statistics()
  const sendBatch = async (acts: unknown[], size = acts.length) => {
    const head = headers()
    head.set('Batch-Size', String(size))
    return nc.request('acts', JSON.stringify(acts), { timeout: 10_000, headers: head })
  }
  await sendBatch([['echo', 1], ['throws', 'a secret'], ['refuses', 'a secret'], ['rejects', 'a secret'], ['bigint']])
  const after = await statistics()
  t.equal(after.num_requests - before.num_requests, 5)
  t.equal(after.num_errors - before.num_errors, 4)
  t.equal(after.last_error, '500: ExecutionError')
  await sendBatch([['echo', 'a secret']], 3)
  const refused = await statistics()
  t.equal(refused.num_requests - after.num_requests, 3)
  t.equal(refused.num_errors - after.num_errors, 3)
  t.equal(refused.last_error, '400: InvalidArgumentError')
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
