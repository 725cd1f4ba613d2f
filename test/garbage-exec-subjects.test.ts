// Whatever a stranger sends between executors, none of them is lost, and no request of a client that is honest.
import { type MsgHdrs, headers } from 'nats'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
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
  const answers: string[] = []
  nc.subscribe('many.*', { callback: (_, { subject }) => void answers.push(subject) })
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
  while (answers.length < 8) await client.call(['echo'])
  t.equal(answers.length, 8)
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

t.test('what others give has an end', async t => {
  const given = 1200
  let inbox = ''
  nc.subscribe('$EXEC.surplus.executors.flood', { callback: (_, { reply }) => void (inbox = inboxOf(reply!)) })
  const codes: (string | undefined)[] = []
  nc.subscribe('given.*', {
    callback: (_, message) => void codes.push(message.headers?.get('Nats-Service-Error-Code')),
  })
  await nc.flush()
  await startExecutor(t, server, { subject: 'flood', backlog: 10 })
  const gate = new Gate(t)
  const computing = nc.request('flood', JSON.stringify(['gate', gate.name]), { timeout: 20_000 })
  await gate.heard('here')
  for (let i = 0; i < given; i++)
    nc.publish(`${inbox}.a1`, '["echo"]', { headers: headersFrom({ 'Waited-Ms': '1', 'Reply-To': `given.${i}` }) })
  const { backlog } = await statistics(nc, 'flood')
  t.ok(backlog >= 1008 && backlog <= 1010, `${backlog} wait`)
  gate.open()
  await computing
  while (codes.length < given) await nc.flush()
  const refused = codes.filter(code => code === '429').length
  // One or two were out as offers.
  t.ok(refused <= given - 1010 && refused >= given - 1012, `${refused} are refused`)
})
