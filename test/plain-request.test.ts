// A client that knows nothing but NATS gets its answer.
import { headers } from 'nats'
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const executor = await startExecutor(t, server, { module: undefined, service: undefined })
const nc = await connectTo(t, server)

t.test('a request without headers', async t => {
  const reply = await nc.request('fibonacci', '30', { timeout: 10_000 })
  t.equal(reply.string(), '832040')
  t.notOk(reply.headers?.has('Request-Id'))
  t.notOk(reply.headers?.has('Nats-Service-Error-Code'))
})

t.test('its id comes back, with who computed it and how long that took', async t => {
  const head = headers()
  head.set('Request-Id', 'My_request-1')
  const reply = await nc.request('fibonacci', ' 10\n', { headers: head, timeout: 10_000 })
  t.equal(reply.string(), '55')
  t.equal(reply.headers?.get('Request-Id'), 'My_request-1')
  t.equal(reply.headers?.get('Executor-Id'), executor.id)
  t.match(reply.headers?.get('Compute-Ms'), /^\d+\.\d+$/)
})

t.test('the longest id', async t => {
  const head = headers()
  head.set('Request-Id', 'x'.repeat(64))
  const reply = await nc.request('fibonacci', '1', { headers: head, timeout: 10_000 })
  t.equal(reply.headers?.get('Request-Id'), 'x'.repeat(64))
})

t.test('the smallest arguments are exact', async t => {
  const results = await Promise.all([0, 1, 2, 3].map(n => nc.request('fibonacci', String(n), { timeout: 10_000 })))
  t.strictSame(
    results.map(reply => reply.json()),
    [0, 1, 1, 2],
  )
})
