// Requests that a function's limit keeps go to executors that have room for that function, though a slot is free where they are.
import { headers } from 'nats'
import t, { type Test } from 'tap'
import { MAX_TICKETS } from '../lib/protocol/dispatch.js'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const nc = await connectTo(t, server)

/** `narrow`, one at once, ends when the gate is opened. */
const module = `data:text/javascript,${encodeURIComponent(`import { connect } from 'node:net'
  export async function narrow(gate) {
    const socket = connect(gate)
    socket.write('here\\n')
    // What others say is heard, too.
    for await (const words of socket) if (String(words).includes('go')) break
    socket.destroy()
  }
  narrow.concurrency = 1
  export const other = () => 'computed'`)}`

const start = (t: Test, service: string) =>
  startExecutor(t, server, { module, service, concurrency: 2, drainTimeout: 60_000 })

/** Requests for `narrow` that all come to one executor; resolves with the ids of those that have computed them. */
function sendTo(t: Test, executorId: string, service: string, gate: Gate, count: number) {
  const send = async (_: unknown, i: number) => {
    const head = headers()
    head.set('Request-Id', `${service}-${i}`)
    head.set('Function', 'narrow')
    const subject = `_EXEC.hold.${service}.${executorId}`
    const reply = await nc.request(subject, JSON.stringify(gate.name), { headers: head, timeout: 60_000 })
    t.equal(reply.string(), 'null')
    return reply.headers!.get('Executor-Id')
  }
  return Promise.all(Array.from({ length: count }, send))
}

t.test('executors with room compute what one of them is not allowed to', { timeout: 20_000 }, async t => {
  const gate = new Gate(t)
  const executors = [await start(t, 'room'), await start(t, 'room'), await start(t, 'room')]
  const client = newClient(t, server, { service: 'room' })
  const narrow = sendTo(t, executors[1]!.id, 'room', gate, 9)
  for (let here = 3; here <= 9; here += 3) {
    await gate.heard('here', here)
    const others = Array.from({ length: 6 }, () => client.call(0, { function: 'other' }))
    t.same(new Set(await Promise.all(others)), new Set(['computed']), 'beside them others are computed')
    gate.open()
  }
  const ids = executors.map(({ id }) => id).toSorted()
  t.same(
    (await narrow).toSorted(),
    ids.flatMap(id => [id, id, id]),
    'each one at the same time as the two others',
  )
})

t.test('an executor that stops keeps none of them', { timeout: 20_000 }, async t => {
  const gate = new Gate(t)
  const first = await start(t, 'stops')
  const narrow = sendTo(t, first.id, 'stops', gate, 2)
  await gate.heard('here')
  const stopped = first.stop()
  const second = await start(t, 'stops')
  await gate.heard('here', 2)
  gate.open()
  t.same((await narrow).toSorted(), [first.id, second.id].toSorted())
  await stopped
})

t.test('so many of them as nobody would hear of are unfit: who sends more does not know of the limit', async t => {
  const gate = new Gate(t)
  const { id } = await start(t, 'crowded')
  const transfer = async (number: number) => {
    const head = headers()
    const lines = {
      Dispatch: 'transfer',
      Ticket: `t${number}`,
      Function: 'narrow',
      'Reply-To': '_INBOX.x.y',
      'Waited-Ms': '0',
    }
    for (const [name, value] of Object.entries(lines)) head.set(name, value)
    const subject = `_EXEC.peer.executors.crowded.${id}`
    const reply = await nc.request(subject, JSON.stringify(gate.name), { headers: head, timeout: 10_000 })
    return reply.headers!.get('Dispatch')
  }
  t.equal(await transfer(0), 'taken')
  await gate.heard('here')
  for (let waiting = 1; waiting <= MAX_TICKETS; waiting++) t.equal(await transfer(waiting), 'taken')
  t.equal(await transfer(MAX_TICKETS + 1), 'unfit')
})
