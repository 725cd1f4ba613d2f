// Whatever a stranger sends between executors, none of them is lost, and no request of a client that is honest.
import { type MsgHdrs, headers } from 'nats'
import t from 'tap'
import { newClient, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const IDLE = '$EXEC.idle.executors.acts'
const SURPLUS = '$EXEC.surplus.executors.acts'

const inboxOf = (reply: string) => reply.slice(0, reply.lastIndexOf('.'))

const server = await startServer(t)
const nc = await connectTo(t, server)
const inboxes = new Set<string>()
nc.subscribe(SURPLUS, { callback: (_, { reply }) => void inboxes.add(inboxOf(reply!)) })
await nc.flush()
for (let i = 0; i < 2; i++) await startExecutor(t, server)
const client = newClient(t, server)

const headersFrom = (entries: Record<string, string>): MsgHdrs => {
  const head = headers()
  for (const [name, value] of Object.entries(entries)) head.append(name, value)
  return head
}

t.test('an offer with more inboxes than an executor would name', async t => {
  let answers = 0
  nc.subscribe('many.*', { callback: () => void answers++ })
  const offer = (count: number) => {
    const replyTo = Array.from({ length: count }, (_, i) => `many.${i}`).join(' ')
    return nc.request(IDLE, '["echo"]', {
      headers: headersFrom({ 'Waited-Ms': '1', 'Reply-To': replyTo }),
      timeout: 10_000,
    })
  }
  await offer(9)
  await client.call(['echo'])
  await offer(8)
  while (answers < 8) await client.call(['echo'])
  t.equal(answers, 8)
})

t.test('nobody answers an answer', async t => {
  const [one, other] = [...inboxes]
  let messages = 0
  for (const inbox of [one, other]) nc.subscribe(`${inbox}.*`, { callback: () => void messages++ })
  nc.publish(`${one}.ask`, '', { reply: `${other}.ask` })
  nc.publish(SURPLUS, '', { reply: SURPLUS })
  for (let i = 0; i < 100; i++) await statistics(nc)
  t.ok(messages < 50, `${messages} messages`)
})
