// Leaving a queue group: what was on its way is heard, nothing else is, and a server that comes back changes nothing.
import { once } from 'node:events'
import t from 'tap'
import { EndedSubscriptions } from '../lib/ended-subscriptions.js'
import { Group } from '../lib/group.js'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'

const ROUNDS = 100

/** The groups that executors are members of, beside that of their subject. */
const groupsOf = async (server: Server) =>
  (await server.subscriptions()).filter(subject => /^\$EXEC\.(idle|next|surplus)\./.test(subject))

t.test('of messages sent while somebody joins and leaves each is heard or comes back', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const other = await connectTo(t, server)
  let heard = 0
  const group = new Group(nc, 'group', 'queue', new EndedSubscriptions(nc), () => heard++)
  let back = 0
  const inbox = other.subscribe('back', { callback: () => back++ })
  for (let round = 0; round < ROUNDS; round++) {
    group.join()
    await nc.flush()
    for (let i = 0; i < 10; i++) other.publish('group', '', { reply: inbox.getSubject() })
    // Both are on their way to the server now.
    await Promise.resolve()
    group.leave()
  }
  await other.flush()
  await nc.flush()
  await other.flush()
  t.equal(heard + back, 10 * ROUNDS)
  t.ok(heard > 0)
})

t.test('what was left is forgotten', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const { subscriptions } = (nc as any).protocol
  const ended = new EndedSubscriptions(nc)
  const group = new Group(nc, 'group', 'queue', ended, () => {})
  for (let round = 0; round < ROUNDS; round++) {
    group.join()
    group.leave()
  }
  await nc.flush()
  const kept = subscriptions.size()
  t.ok(kept > 0 && kept < ROUNDS / 2, `${kept} of ${ROUNDS} still hear`)
  ended.clear()
  t.equal(subscriptions.size(), 0)
})

t.test('what was left is not joined again when a server comes back', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  for (let i = 0; i < 5; i++) await client.call(['sleep', 5])
  const lost = once(executor, 'notice')
  await server.kill()
  await lost
  const back = once(executor, 'notice')
  await server.start()
  t.strictSame(await back, ['connected again'])
  t.equal(await client.call(['echo', 1]), 1)
  t.strictSame(await groupsOf(server), ['$EXEC.idle.executors.acts'])
})

t.test('nor what was left while it was away', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  const gate = new Gate(t)
  const call = client.call(['gate', gate.name])
  await gate.heard('here')
  const lost = once(executor, 'notice')
  await server.kill()
  await lost
  const answered = once(executor, 'answered')
  gate.open()
  await answered
  const back = once(executor, 'notice')
  await server.start()
  t.strictSame(await back, ['connected again'])
  t.equal(await call, 'go')
  t.equal(await client.call(['echo', 1]), 1)
  t.strictSame(await groupsOf(server), ['$EXEC.idle.executors.acts'])
})

t.test('a version of nats.js that does it otherwise', async t => {
  const drained: string[] = []
  const plain = { subscribe: () => ({ drain: async () => void drained.push('drained') }) } as any
  const group = new Group(plain, 'group', 'queue', new EndedSubscriptions(plain), () => {})
  group.join()
  group.leave()
  t.strictSame(drained, ['drained'])
})
