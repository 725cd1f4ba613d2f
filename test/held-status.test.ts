// Who asks for a request is told whether it runs or waits.
import { createInbox, headers } from 'nats'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const nc = await connectTo(t, server)

/** What is said of requests that were sent without a key. */
async function statesOf(subject: string, ids: string[]) {
  const question = JSON.stringify({ ids })
  const { computing = [], waiting = [] } = (
    await nc.request(`_EXEC.find.${subject}`, question, { timeout: 10_000 })
  ).json<any>()
  return ids.map(id => (computing.includes(id) ? 'computing' : waiting.includes(id) ? 'waiting' : 'unknown'))
}

function send(subject: string, id: string, act: unknown) {
  const head = headers()
  head.set('Request-Id', id)
  nc.publish(subject, JSON.stringify(act), { reply: createInbox(), headers: head })
}

for (const [concurrency, processes] of [
  [1, 1],
  [2, 2],
  [2, 1],
] as const)
  t.test(`${concurrency} at once in ${processes} processes`, async t => {
    const subject = `acts_${concurrency}_${processes}`
    const executor = await startExecutor(t, server, { service: subject, concurrency, processes })
    // The slots have computed short ones, so more than one is sent ahead.
    const client = newClient(t, server, { service: subject })
    await Promise.all(Array.from({ length: 200 }, (_, i) => client.call(['echo', i])))
    const gates = [new Gate(t), new Gate(t)]
    const [first, second] = gates.map(gate => ['gate', gate.name])
    const ids = Array.from({ length: concurrency + 3 }, (_, i) => `${subject}_${i}`)
    for (const [i, id] of ids.entries()) send(subject, id, i < concurrency ? first : second)
    await gates[0]!.heard('here', concurrency)
    const states = (running: number, waiting: number) => [
      ...Array.from({ length: running }, () => 'computing'),
      ...Array.from({ length: waiting }, () => 'waiting'),
    ]
    t.strictSame(await statesOf(subject, ids), states(concurrency, 3))
    gates[0]!.open()
    await gates[1]!.heard('here', concurrency)
    const rest = ids.slice(concurrency)
    t.strictSame(await statesOf(subject, rest), states(concurrency, 3 - concurrency))
    await executor.stopNow()
  })

t.test('of two that were lost and come together, one hears that it is computed', async t => {
  const executor = await startExecutor(t, server, { service: 'together' })
  const inbox = createInbox()
  const states = new Map<string, string>()
  const both = new Promise<void>(resolve =>
    nc.subscribe(inbox, {
      callback: (_, { headers: head }) => {
        const id = head!.get('Request-Id')
        // The first notice of each: whoever dies of it dies before the second one.
        if (head!.get('Notice') && !states.has(id)) states.set(id, head!.get('Notice'))
        if (states.size === 2) resolve()
      },
    }),
  )
  for (const id of ['one', 'two']) {
    const head = headers()
    head.set('Request-Id', id)
    head.set('Notices', 'first')
    nc.publish('together', '["sleep",300]', { reply: inbox, headers: head })
  }
  await both
  t.strictSame([...states.values()].toSorted(), ['computing', 'waiting'])
  await executor.stopNow()
})
