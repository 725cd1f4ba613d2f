// What a function is told beside its argument.
import { headers } from 'nats'
import t from 'tap'
import { newClient, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const executor = await startExecutor(t, server)

t.test("the request's id and a signal", async t => {
  const client = newClient(t, server)
  const { result, requestId, executorId: who, computeMs } = await client.request(['context'])
  t.strictSame(result, { requestId, isAborted: false, isSignal: true })
  t.match(requestId, /^[\w-]{21}$/)
  t.equal(who, executor.id)
  t.type(computeMs, 'number')
})

t.test("the sender's own id, or one that is made for it", async t => {
  const nc = await connectTo(t, server)
  const head = headers()
  head.set('Request-Id', 'order_66')
  const named = await nc.request('acts', '["context"]', { headers: head, timeout: 10_000 })
  t.equal(named.json<any>().requestId, 'order_66')
  const unnamed = await nc.request('acts', '["context"]', { timeout: 10_000 })
  t.match(unnamed.json<any>().requestId, /^[\w-]{21}$/)
})
