// A server that goes away and comes back costs no request, and executors have the same subscriptions afterwards.
import { once } from 'node:events'
import { headers } from 'nats'
import type { Executor } from 'nats-executor'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'

/** What the executor has subscribed to, but for its inbox. */
const subjectsOf = async (server: Server) =>
  (await server.subscriptions()).filter(subject => /^(acts$|_EXEC\.)/.test(subject)).toSorted()

async function goAway(server: Server, executor: Executor) {
  const lost = once(executor, 'warning')
  await server.kill()
  await lost
}

async function comeBack(server: Server, executor: Executor) {
  const back = once(executor, 'warning')
  await server.start()
  return back
}

t.test('what is answered while the connection is down arrives after it is back', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  while ((await subjectsOf(server)).length < 6);
  const before = await subjectsOf(server)
  const client = newClient(t, server)
  const gate = new Gate(t)
  const call = client.call(['gate', gate.name])
  await gate.heard('here')
  await goAway(server, executor)
  const answered = once(executor, 'completed')
  gate.open()
  await answered
  t.strictSame(await comeBack(server, executor), ['connected again'])
  t.equal(await call, 'go')
  t.equal(await client.call(['echo', 1]), 1)
  while ((await subjectsOf(server)).length < before.length);
  t.strictSame(await subjectsOf(server), before)
})

t.test('a computation that goes on meanwhile', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  const gate = new Gate(t)
  const call = client.call(['gate', gate.name])
  await gate.heard('here')
  await goAway(server, executor)
  t.strictSame(await comeBack(server, executor), ['connected again'])
  while ((await server.connections()).length < 2);
  gate.open()
  t.equal(await call, 'go')
})

t.test('strangers without a key may use one id', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server, { concurrency: 2 })
  const nc = await connectTo(t, server)
  const gates = [new Gate(t), new Gate(t)]
  const id = headers()
  id.set('Request-Id', '1')
  const answers = gates.map(({ name }) =>
    nc.request('acts', JSON.stringify(['gate', name]), { timeout: 10_000, headers: id }),
  )
  for (const gate of gates) await gate.heard('here')
  await goAway(server, executor)
  for (const gate of gates) {
    const answered = once(executor, 'completed')
    gate.open()
    await answered
  }
  await comeBack(server, executor)
  t.strictSame(await Promise.all(answers.map(answer => answer.then(message => message.json()))), ['go', 'go'])
})
