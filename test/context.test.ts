// What a function is told beside its argument.
import { headers } from 'nats'
import t from 'tap'
import { fixture, newClient, rejection, startExecutor } from './fixtures/library.js'
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

t.test('deadline, attempt and headers, each taken out of it', async t => {
  await startExecutor(t, server, { module: fixture('service.mjs'), service: 'told' })
  const client = newClient(t, server, { service: 'told' })
  const ask = (options = {}) => client.call<any>(0, { function: 'context', timeout: 20_000, ...options })
  const told = await ask()
  t.match(told, { attempt: 1, headers: {}, isAborted: false, isDate: true })
  t.ok(told.remainingMs > 5000 && told.remainingMs <= 20_000)
  const own = { 'X-Trace': 'ä → 日本 "\\', traceparent: '00-1-2-03', Empty: '' }
  t.strictSame((await ask({ headers: own })).headers, own)

  const nc = await connectTo(t, server)
  const head = headers()
  head.set('Attempt', '3')
  head.set('Request-Id', 'third')
  head.set('Whose', 'mine')
  head.set('Nats-Msg-Id', 'the server’s')
  const third = (await nc.request('told.context', '0', { headers: head, timeout: 10_000 })).json<any>()
  t.match(third, { attempt: 3, requestId: 'third' })
  t.strictSame(third.headers, { Whose: 'mine' })

  const results = []
  for await (const { result } of client.map([1, 2], { function: 'context', headers: { A: 'b' }, batchSize: 2 }))
    results.push(result)
  t.match(results, [
    { headers: { A: 'b' }, requestId: /\.0$/ },
    { headers: { A: 'b' }, requestId: /\.1$/ },
  ])
})

t.test('headers that cannot be', async t => {
  const client = newClient(t, server)
  const call = (headers: any) => rejection(client.call(['echo', 1], { headers }))
  t.match(await call({ 'Request-Id': 'x' }), { name: 'RangeError', message: /Request-Id is not for users/ })
  t.match(await call({ 'request-key': 'x' }), { name: 'RangeError', message: /request-key is not for users/ })
  t.match(await call({ 'Nats-Expected': 'x' }), { name: 'RangeError' })
  t.match(await call({ 'a b': 'x' }), { name: 'RangeError', message: /a header cannot be called "a b"/ })
  t.match(await call({ A: 'x\r\nRequest-Id: y' }), { name: 'RangeError', message: /line break/ })
  t.match(await call({ A: ' x' }), { name: 'RangeError', message: /white space/ })
  t.match(await call({ A: 7 }), { name: 'TypeError', message: 'expected `headers["A"]` to be a text, got 7' })
  t.match(await call([]), { name: 'TypeError' })
  t.match(await call({ A: 'x'.repeat(9000) }), { name: 'RangeError', message: /8192 characters at most/ })
  const many = Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`h${i}`, '']))
  t.match(await call(many), { name: 'RangeError', message: '`headers` to be 200 at most, got 201' })
})

t.test('a line in the log', async t => {
  const logger = await startExecutor(t, server, { module: fixture('service.mjs'), service: 'logs' })
  const lines: unknown[] = []
  logger.on('output', ({ requestId, line }) => void lines.push([requestId, line]))
  await newClient(t, server, { service: 'logs' }).call('hello', { function: 'says', requestId: 'mine' })
  t.strictSame(lines, [['mine', "it says { text: 'hello' }"]])
})
