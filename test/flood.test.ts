// A client that sends far more than the backlog takes: the requests of others have their place in it all the same.
import t from 'tap'
import { type Msg, createInbox, headers } from 'nats'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const BACKLOG = 50
const FLOOD = 300
const OTHERS = 10

const server = await startServer(t)
await startExecutor(t, server, { backlog: BACKLOG })
const nc = await connectTo(t, server)

const codeOf = ({ headers: head }: Msg) => head?.get('Nats-Service-Error-Code') ?? ''

t.test('others are answered and never refused, and each request of the flood has one reply', async t => {
  const gate = new Gate(t)
  const flood = await connectTo(t, server)
  const running = flood.request('acts', JSON.stringify(['gate', gate.name]), { timeout: 60_000 })
  await gate.heard('here')

  const inbox = createInbox()
  const replies = new Map<string, string[]>()
  const told = new Set<string>()
  flood.subscribe(`${inbox}.*`, {
    callback: (_, message) => {
      const { subject } = message
      if (message.headers?.has('Notice')) told.add(subject)
      else replies.set(subject, [...(replies.get(subject) ?? []), codeOf(message)])
    },
  })
  for (let i = 0; i < FLOOD; i++) {
    const head = headers()
    // Some are watched and told of, and one that is urgent is no better off.
    if (i % 2)
      for (const [name, value] of [
        ['Request-Id', `flood-${i}`],
        ['Notices', '1'],
      ] as const)
        head.set(name, value)
    if (i % 3) head.set('Priority', '5')
    flood.publish('acts', `["echo",${i}]`, { headers: head, reply: `${inbox}.${i}` })
  }
  while ((await statistics(nc)).backlog < BACKLOG || told.size < BACKLOG / 2);
  while (replies.size < FLOOD - BACKLOG) await flood.flush()

  const client = newClient(t, server)
  const numbers = Array.from({ length: OTHERS }, (_, i) => i)
  const calls = numbers.map(i => client.call(['echo', i]))
  const requests = numbers.map(i => nc.request('acts', `["echo",${i}]`, { timeout: 60_000 }))
  // As many of the flood make room as others come.
  while (replies.size < FLOOD - BACKLOG + 2 * OTHERS) await flood.flush()
  t.equal((await statistics(nc)).backlog, BACKLOG)
  gate.open()

  t.strictSame(await Promise.all(calls), numbers)
  const answers = await Promise.all(requests)
  t.strictSame(
    answers.map(codeOf),
    numbers.map(() => ''),
  )
  t.strictSame(
    answers.map(answer => answer.json()),
    numbers,
  )
  t.equal((await running).json(), 'go')
  while (replies.size < FLOOD) await flood.flush()
  // Whatever comes late has come then.
  for (let i = 0; i < 10; i++) await statistics(nc)
  await flood.flush()
  const codes = [...replies.values()]
  t.ok(codes.every(({ length }) => length === 1))
  t.equal(codes.filter(([code]) => code === '429').length, FLOOD - BACKLOG + 2 * OTHERS)
  t.equal(codes.filter(([code]) => code === '').length, BACKLOG - 2 * OTHERS)
  const { num_errors: errors } = (await nc.request('$SRV.STATS.acts')).json<any>().endpoints[0]
  t.equal(errors, FLOOD - BACKLOG + 2 * OTHERS, 'no call was refused and sent again')
})

t.test('a call that makes room for others is sent again and computed once', async t => {
  const gate = new Gate(t)
  const running = nc.request('acts', JSON.stringify(['gate', gate.name]), { timeout: 60_000 })
  await gate.heard('here')
  const busy = newClient(t, server)
  const refused = async () => (await nc.request('$SRV.STATS.acts')).json<any>().endpoints[0].num_errors
  const before = await refused()
  const told: string[] = []
  nc.subscribe('_INBOX.>', {
    callback: (_, { headers: head }) => void (head?.get('Notice') === 'waiting' && told.push(head.get('Request-Id'))),
  })
  const numbers = Array.from({ length: BACKLOG }, (_, i) => i)
  const calls = numbers.map(i => busy.call(['echo', i]))
  // All have been told that they wait.
  while (told.length < BACKLOG) await nc.flush()
  t.equal(await refused(), before)
  const request = nc.request('acts', '["echo",1]', { timeout: 60_000 })
  while ((await refused()) === before);
  gate.open()
  t.equal((await request).json(), 1)
  t.strictSame(
    await Promise.all(calls),
    Array.from({ length: BACKLOG }, (_, i) => i),
  )
  await running
})
