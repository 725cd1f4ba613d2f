// What notices say of attempts: who takes over a request counts them, and not all of them are losses of the client that hears it.
import { headers } from 'nats'
import t from 'tap'
import { newClient } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { ScriptedExecutor, idOf } from './fixtures/scripted-executor.js'

const server = await startServer(t)
const nc = await connectTo(t, server)

async function start(t: any, service: string) {
  const executor = new ScriptedExecutor(nc, service)
  for (const id of ['one', 'two', 'three']) await executor.be(id)
  return { executor, client: newClient(t, server, { service }) }
}

t.test("that a batch failed is no loss of its arguments' requests", async t => {
  const { executor, client } = await start(t, 'halves')
  const outcomes = client.map([1, 2], { batchSize: 2 })[Symbol.asyncIterator]()
  const first = outcomes.next()
  const batch = await executor.request()
  const head = headers()
  head.set('Request-Id', idOf(batch))
  head.set('Executor-Id', 'one')
  head.set('Nats-Service-Error-Code', '500')
  head.set('Nats-Service-Error', 'the process died')
  batch.respond('', { headers: head })
  const half = await executor.request(2)
  t.equal(half.headers!.get('Attempt'), '2')
  executor.notify(half, 'one', 'computing', undefined, 2)
  const { answer } = await executor.question(({ executorId }) => executorId === 'one')
  answer({ executorId: 'one', computing: [idOf(half)] })
  await executor.leave('one')
  const again = await executor.request(4)
  t.equal(idOf(again), idOf(half))
  t.equal(again.headers!.get('Attempt'), '3', 'it was lost once')
  executor.respond(again, 'a')
  executor.respond(await executor.request(3), 'b')
  t.match(await first, { value: { result: 'a' } })
  await outcomes.return?.()
})

t.test('a batch with which two executors died is not left to a third one', async t => {
  const { executor, client } = await start(t, 'batches')
  const outcomes = client.map([1, 2], { batchSize: 2, detached: true, ordered: false })[Symbol.asyncIterator]()
  const first = outcomes.next()
  const batch = await executor.request()
  executor.notify(batch, 'one', 'computing')
  executor.notify(batch, 'two', 'computing', undefined, 2)
  executor.notify(batch, 'three', 'computing', undefined, 3)
  const { answer } = await executor.question(({ cancel }) => cancel.includes(idOf(batch)))
  answer({ executorId: 'three', cancelled: [idOf(batch)] })
  for (const count of [2, 3]) executor.respond(await executor.request(count), count)
  t.match(await first, { value: { result: 2 } })
  await outcomes.return?.()
})

t.test('an executor that tells of more attempts than there were is no death', async t => {
  const { executor, client } = await start(t, 'joins')
  const call = client.call(1, { timeout: 20_000, detached: true })
  const request = await executor.request()
  // As with a call of another client that has joined it, and was lost before.
  for (const attempt of [1, 2, 3, 4, 999_999_999]) executor.notify(request, 'one', 'computing', undefined, attempt)
  const { answer } = await executor.question(({ executorId }) => executorId === 'one')
  answer({ executorId: 'one', computing: [idOf(request)] })
  await executor.leave('one')
  const again = await executor.request(2)
  t.match(again.headers!.get('Attempt'), /^\d{1,9}$/, 'what executors take')
  executor.respond(again, 'computed')
  t.equal(await call, 'computed')
})
