// Leaving a queue group: what was on its way is heard, and nothing else is.
import t from 'tap'
import { EndedSubscriptions } from '../lib/nats/ended-subscriptions.js'
import { Group } from '../lib/executor/handover/group.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const ROUNDS = 300

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

t.test('a version of nats.js that does it otherwise', async t => {
  const drained: string[] = []
  const plain = { subscribe: () => ({ drain: async () => void drained.push('drained') }) } as any
  const group = new Group(plain, 'group', 'queue', new EndedSubscriptions(plain), () => {})
  group.join()
  group.leave()
  t.strictSame(drained, ['drained'])
})
