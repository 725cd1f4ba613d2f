// A server that goes away and comes back costs no request, and executors have the same subscriptions afterwards.
import { EventEmitter, once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { headers } from 'nats'
import type { Executor } from 'nats-executor'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor, statistics } from './fixtures/library.js'
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

const COUNT = 400

t.test('answers to plain clients that are back later, which the dying server did not take', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server, { concurrency: 8 })
  const warnings: string[] = []
  const answered: string[] = []
  executor.on('warning', text => void warnings.push(text))
  executor.on('completed', ({ requestId }) => void answered.push(requestId))
  const nc = await connectTo(t, server)
  const gate = new Gate(t)
  for (let i = 0; i < COUNT; i++) {
    const argument = i < 8 ? ['gate', gate.name] : ['echo', i]
    nc.publish('acts', JSON.stringify(argument), { reply: `_INBOX.away.${i}` })
  }
  await gate.heard('here', 8)
  while ((await statistics(nc)).backlog < COUNT - 8);
  // Answers to younger requests are not kept; on a busy machine they come later than they were sent.
  const since = performance.now()
  while (performance.now() - since < 200) await setImmediate()
  server.signal('SIGSTOP')
  gate.open()
  while (answered.length < COUNT) await setImmediate()
  await server.kill()
  await server.start()
  while (!warnings.includes('connected again') || (await server.connections()).length < 2) await setImmediate()
  const inboxes = new Set<string>()
  for await (const { subject } of nc.subscribe('_INBOX.away.*', { max: COUNT, timeout: 10_000 })) inboxes.add(subject)
  t.equal(inboxes.size, COUNT)
})

t.test('a plain client that is back later than the executor, beside somebody who listens to everything', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server, { concurrency: 2 })
  const [watcher, nc] = [await connectTo(t, server), await connectTo(t, server)]
  const seen: string[] = []
  const heard = new EventEmitter()
  watcher.subscribe('>', {
    callback: (_, { subject }) => {
      seen.push(subject)
      heard.emit(subject)
    },
  })
  const gate = new Gate(t)
  nc.publish('acts', JSON.stringify(['gate', gate.name]), { reply: '_INBOX.away.1' })
  await gate.heard('here')
  await goAway(server, executor)
  await comeBack(server, executor)
  while (!(await server.subscriptions()).includes('>') || (await server.connections()).length < 3);
  gate.open()
  // Nobody is there, but the server does not say so.
  await once(heard, '_INBOX.away.1')
  nc.publish('acts', JSON.stringify(['echo', 'later']), { reply: '_INBOX.there.1' })
  await once(heard, '_INBOX.there.1')
  const answer = nc.subscribe('_INBOX.away.*', { max: 1, timeout: 10_000 })
  for await (const message of answer) t.equal(message.json(), 'go')
  t.equal(seen.filter(subject => subject === '_INBOX.there.1').length, 1, 'what was asked since then is answered once')
})
