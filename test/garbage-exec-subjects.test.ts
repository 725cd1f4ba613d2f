// Whatever a stranger sends where executors, and clients that ask for their requests, are heard: none of them is lost, and no request of a
// client that is honest. On a server of one's own a stranger cannot send there at all.
import { EventEmitter, once } from 'node:events'
import * as fc from 'fast-check'
import type { Executor } from 'nats-executor'
import { headers } from 'nats'
import t from 'tap'
import { Dispatch } from '../lib/protocol/dispatch.js'
import { Header } from '../lib/protocol/headers.js'
import { Subjects } from '../lib/protocol/subjects.js'
import { Bytes, type Entry, RIGHT_MS, anyBlock, anyBody, block } from './fixtures/garbage.js'
import { Gate } from './fixtures/gate.js'
import { newClient, rejection, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { rawConnection } from './fixtures/raw-connection.js'

/** Messages in all: RUNS batches of as many as BATCH, for each of two tests. */
const RUNS = 15
const BATCH = 70
const WITHIN_MS = 30_000

const warnings: Error[] = []
process.on('warning', warning => warnings.push(warning))

const server = await startServer(t)
const nc = await connectTo(t, server)
const stranger = await rawConnection(t, server)
const client = newClient(t, server)
const executors: Executor[] = [await startExecutor(t, server), await startExecutor(t, server)]
const subjects = new Subjects('_EXEC', 'executors', 'acts')
const PLACES = [
  subjects.find,
  subjects.pool,
  subjects.match,
  ...executors.flatMap(({ id }) => [subjects.hold(id), subjects.peer(id)]),
]

/** What may stand where an id, a ticket's key or a number is expected. */
const ID = fc.oneof(
  fc.constantFrom(...executors.map(({ id }) => id), 'a', '-', '~', 'zzz'),
  fc
    .tuple(fc.constantFrom(...executors.map(({ id }) => id.slice(0, 10))), fc.nat({ max: 40 }))
    .map(([id, n]) => `${id}-${n.toString(36)}`),
)
const COUNT = fc.oneof(fc.nat({ max: 9 }), fc.constantFrom(-1, 1.5, 1e9, Number.MAX_SAFE_INTEGER, 'many', null))
const LIST = fc.oneof(fc.array(ID, { maxLength: 9 }), fc.constantFrom('a', 0, null, [1], [[]]))
const JSON_BODY = fc
  .oneof(
    fc.record(
      {
        id: fc.oneof(ID, COUNT),
        n: COUNT,
        full: fc.boolean(),
        slots: COUNT,
        free: COUNT,
        tickets: fc.oneof(LIST, fc.array(fc.tuple(ID, COUNT, COUNT), { maxLength: 9 })),
        gone: LIST,
        took: LIST,
        deaf: LIST,
        meanMs: COUNT,
        rttMs: COUNT,
      },
      { requiredKeys: ['id', 'n', 'slots', 'free'] },
    ),
    fc.record({ id: ID, resigns: fc.boolean() }, { requiredKeys: ['id'] }),
    fc.record({ give: fc.oneof(LIST, fc.array(fc.tuple(ID, ID), { maxLength: 40 })) }),
    fc.record({ keys: LIST }),
    fc.record({ key: fc.oneof(ID, COUNT), ids: LIST, cancel: LIST }, { requiredKeys: [] }),
  )
  .map(value => new Bytes(JSON.stringify(value)))

const dispatchBlock = fc.constantFrom(...Object.values(Dispatch)).map(kind => block([[Header.dispatch, kind]]))
const transferBlock = fc
  .tuple(fc.constantFrom('transfer', 'copy'), RIGHT_MS, ID, ID)
  .map(([kind, waited, ticket, holder]) =>
    block([
      [Header.dispatch, kind],
      [Header.waitedMs, waited],
      [Header.ticket, ticket],
      [Header.replyTo, '_INBOX.given.1'],
      ...(kind === 'copy' ? ([[Header.holder, holder]] as Entry[]) : []),
    ]),
  )
const message = fc.record({
  to: fc.constantFrom(...PLACES),
  reply: fc.constantFrom('', '_INBOX.nobody', 'nobody', 'x'.repeat(1200), 'a.*', 'acts', ...PLACES),
  header: fc.oneof(anyBlock, dispatchBlock, dispatchBlock, transferBlock, fc.constant(new Bytes('NATS/1.0 503'))),
  body: fc.oneof(JSON_BODY, JSON_BODY, anyBody(2000)),
})
const round = fc.record({
  /** How many executors compute something long meanwhile. */
  busy: fc.nat({ max: 2 }),
  messages: fc.array(message, { minLength: BATCH, maxLength: BATCH }),
})

const states = () => Promise.all(executors.map(({ id }) => statistics(nc, `acts.${id}`)))

async function computing() {
  return (await states()).some(({ backlog, computing }) => backlog + computing > 0)
}

t.test('whatever is sent, the requests of an honest client are answered', async t => {
  const check = fc.asyncProperty(round, async ({ busy, messages }) => {
    const gate = new Gate(t)
    const long = Array.from({ length: busy }, () => client.call(['gate', gate.name], { timeout: WITHIN_MS }))
    await gate.heard('here', busy)
    const echo = (i: number) => client.call(['echo', i], { timeout: WITHIN_MS })
    const short = Array.from({ length: 10 }, (_, i) => echo(i))
    for (const { to, reply, header, body } of messages) stranger.publish(to, reply, header?.bytes, body.bytes)
    await stranger.flush()
    for (let i = 10; i < 20; i++) short.push(echo(i))
    gate.open()
    for (const [i, call] of short.entries()) if ((await call) !== i) throw new Error(`another result than ${i}`)
    for (const call of long) if ((await call) !== 'go') throw new Error('another result than go')
    // What was given to two executors is computed twice, and what a stranger gave once.
    for (const until = performance.now() + WITHIN_MS; await computing(); gate.open())
      if (performance.now() > until) throw new Error('something is computed for ever')
  })
  await fc.assert(check, { numRuns: RUNS, endOnFailure: true })
})

interface Transfer {
  entries: Entry[]
  /** Its ticket if that is right, and is to be made one that no other transfer has. */
  ticket: string | undefined
  /** How many inboxes it names, and how many of them are to be answered if it is taken. */
  count: number
  answered: number
  body: Bytes
}

/** Something that is right, or not; the latter now and then. */
const either = <Value>(right: fc.Arbitrary<Value>, wrong: fc.Arbitrary<Value>) =>
  fc.oneof(
    { weight: 9, arbitrary: right.map(value => ({ value, isRight: true })) },
    { weight: 1, arbitrary: wrong.map(value => ({ value, isRight: false })) },
  )
const wrongMs = fc.constantFrom('', '-1', '1e3', 'soon', '1234567890123456')
const transfer: fc.Arbitrary<Transfer> = fc
  .record({
    waited: either(RIGHT_MS, wrongMs),
    timeout: either(RIGHT_MS, fc.constantFrom('-1', '1e3', 'soon')),
    id: either(fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{12,64}$/), { nil: undefined }), fc.constantFrom('', 'a.b')),
    ticket: either(fc.stringMatching(/^[A-Za-z0-9_-]{12,60}$/), fc.constantFrom('', 'a.b', 'x'.repeat(65))),
    count: either(fc.integer({ min: 1, max: 8 }), fc.constantFrom(0, 9, 500)),
    body: anyBody(2000),
  })
  .map(({ waited, timeout, id, ticket, count, body }) => {
    const entries: Entry[] = [
      [Header.dispatch, Dispatch.transfer],
      [Header.ticket, ticket.value],
      [Header.waitedMs, waited.value],
      [Header.timeoutMs, timeout.value],
    ]
    if (id.value !== undefined) entries.push([Header.requestId, id.value])
    const isRight = [waited, timeout, id, ticket, count].every(each => each.isRight)
    return {
      entries,
      ticket: ticket.isRight ? ticket.value : undefined,
      count: count.value,
      answered: isRight ? count.value : 0,
      body,
    }
  })

t.test('each transfer that is taken is answered once at each of its inboxes, and no other', async t => {
  let numbers = 0
  const answers = new Map<string, number>()
  const turn = new EventEmitter()
  nc.subscribe('_INBOX.given.*.*', {
    callback: (_, { subject }) => {
      answers.set(subject, (answers.get(subject) ?? 0) + 1)
      turn.emit('message')
    },
  })
  await nc.flush()
  const inboxes = (count: number, number: number) =>
    Array.from({ length: count }, (_, i) => `_INBOX.given.${number}.${i}`)
  let taken = 0
  const check = fc.asyncProperty(fc.array(transfer, { minLength: BATCH, maxLength: BATCH }), async transfers => {
    const awaited: string[] = []
    for (const { entries, ticket, count, answered, body } of transfers) {
      const head = headers()
      for (const [name, value] of entries) head.append(name, value)
      if (ticket) head.set(Header.ticket, `${ticket}${numbers}`)
      head.append(Header.replyTo, inboxes(count, numbers).join(' '))
      const to = subjects.peer(executors[numbers % 2]!.id)
      const reply = await nc.request(to, body.bytes, { headers: head, timeout: WITHIN_MS })
      const isTaken = reply.headers?.get(Header.dispatch) === Dispatch.taken
      if (isTaken !== answered > 0) throw new Error(isTaken ? 'what is no transfer is taken' : 'a transfer is refused')
      awaited.push(...inboxes(answered, numbers))
      numbers++
    }
    const late = AbortSignal.timeout(WITHIN_MS)
    while (awaited.some(inbox => !answers.has(inbox))) await once(turn, 'message', { signal: late })
    for (const [inbox, count] of answers) if (count > 1) throw new Error(`${count} answers at ${inbox}`)
    if (answers.size > awaited.length) throw new Error('what is no transfer is answered')
    taken += awaited.length
    answers.clear()
  })
  await fc.assert(check, { numRuns: RUNS, endOnFailure: true })
  t.ok(taken > RUNS * 10, `${taken} answers`)
})

t.test('what others give has an end', async t => {
  const executor = await startExecutor(t, server, { service: 'flood', backlog: 10 })
  const gate = new Gate(t)
  const computing = nc.request('flood', JSON.stringify(['gate', gate.name]), { timeout: 20_000 })
  await gate.heard('here')
  const give = async (i: number) => {
    const head = headers()
    head.set(Header.dispatch, Dispatch.transfer)
    head.set(Header.ticket, `t-${i}`)
    head.set(Header.waitedMs, '1')
    head.set(Header.replyTo, `_INBOX.flood.${i}`)
    const to = new Subjects('_EXEC', 'executors', 'flood').peer(executor.id)
    const reply = await nc.request(to, '["echo"]', { headers: head, timeout: 20_000 })
    return reply.headers?.get(Header.dispatch)
  }
  t.equal(await give(0), Dispatch.taken)
  t.equal(await give(0), Dispatch.refused, 'two with one key would be taken for each other')
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => give(i + 1)))
  const taken = answers.filter(answer => answer === Dispatch.taken).length + 1
  t.ok(taken >= 10 && taken <= 11, `${taken} are taken, one may have been sent ahead`)
  t.equal(answers.filter(answer => answer === Dispatch.refused).length, 101 - taken)
  gate.open()
  await computing
})

t.test('a question has as many ids as it may, and is not read if it is longer', async t => {
  const ids = Array.from({ length: 512 }, (_, i) => `${i}`.padStart(64, 'x'))
  const ask = (question: string) => nc.request(subjects.hold(executors[0]!.id), question, { timeout: 500 })
  const answer = await ask(JSON.stringify({ key: 'k'.repeat(64), ids }, null, 4))
  t.strictSame(answer.json<{ missing: string[] }>().missing, ids)
  t.match(await rejection(ask(JSON.stringify({ ids: ['a'], x: 'x'.repeat(2 ** 16) }))), { code: 'TIMEOUT' })
})

t.test('both executors go on, and stop', async t => {
  const seen = new Set<string | undefined>()
  while (seen.size < 2) seen.add((await client.request(['echo'])).executorId)
  await Promise.all(executors.map(executor => executor.stop()))
  t.strictSame(warnings, [])
})
