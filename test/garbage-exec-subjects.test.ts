// Whatever a stranger sends between executors, none of them is lost, and no request of a client that is honest.
import { EventEmitter, once } from 'node:events'
import * as fc from 'fast-check'
import { type MsgHdrs, headers } from 'nats'
import type { Executor } from 'nats-executor'
import t from 'tap'
import { Header } from '../lib/protocol/headers.js'
import { heldSubject } from '../lib/protocol/subjects.js'
import { Bytes, type Entry, RIGHT_MS, anyBlock, anyBody, block } from './fixtures/garbage.js'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { rawConnection } from './fixtures/raw-connection.js'

/** Messages in all: RUNS batches of as many as BATCH, for each of two tests. */
const RUNS = 15
const BATCH = 70
const WITHIN_MS = 30_000

const IDLE = '$EXEC.idle.executors.acts'
const SURPLUS = '$EXEC.surplus.executors.acts'
/** A reply subject that no executor uses; a short name for it in reports. */
const LONG = 'long'
const inboxOf = (reply: string) => reply.slice(0, reply.lastIndexOf('.'))

const warnings: Error[] = []
process.on('warning', warning => warnings.push(warning))

const server = await startServer(t)
const nc = await connectTo(t, server)
const stranger = await rawConnection(t, server)
const executors: Executor[] = []
const client = newClient(t, server)

/** Whose inboxes there are. Who listens there for longer has requests lost: no server says then that nobody is idle. */
const inboxes = await (async () => {
  const found = new Set<string>()
  const spy = nc.subscribe(SURPLUS, { callback: (_, { reply }) => void found.add(inboxOf(reply!)) })
  await nc.flush()
  for (let i = 0; i < 2; i++) executors.push(await startExecutor(t, server))
  while (found.size < 2) await nc.flush()
  spy.unsubscribe()
  return [...found]
})()

/** The ids of the last requests, which may be held. */
let ids: string[] = []
nc.subscribe('acts', {
  callback: (_, message) => {
    const id = message.headers?.get(Header.requestId)
    if (id) ids = [id, ...ids.slice(0, 9)]
  },
})
await nc.flush()

const headersFrom = (entries: Entry[]): MsgHdrs => {
  const head = headers()
  for (const [name, value] of entries) head.append(name, value)
  return head
}

/** Where a message goes, or its answer. What is known only when it is sent has a number to choose by. */
type Place =
  | { kind: 'fixed'; subject: string }
  | { kind: 'inbox'; which: number; token: string; ahead: number }
  | { kind: 'held' | 'own'; which: number }

const fixed = (...subjects: string[]): fc.Arbitrary<Place> =>
  fc.constantFrom(...subjects).map(subject => ({ kind: 'fixed', subject }))
const inbox: fc.Arbitrary<Place> = fc.record({
  kind: fc.constant('inbox' as const),
  which: fc.nat({ max: 1 }),
  token: fc.constantFrom('ask', 'none', 'a', 'g', 'x.y', 'a1', 'g1', 'a?', 'a?'),
  ahead: fc.integer({ min: -5, max: 5 }),
})
const chosen = (...kinds: ('held' | 'own')[]): fc.Arbitrary<Place> =>
  fc.record({ kind: fc.constantFrom(...kinds), which: fc.nat({ max: 9 }) })

const target = fc.oneof(fixed(IDLE, SURPLUS), inbox, chosen('held', 'own'))
/** A stranger that listens where a request is given to it, and does nothing, has stolen it. */
const replyTo = (thefts: boolean) =>
  fc.oneof(
    fixed('', 'nobody.at.all', 'nobody', LONG, 'a.*', IDLE, SURPLUS, heldSubject('own1')),
    inbox,
    ...(thefts ? [fixed('acts', 'thief')] : []),
  )
const offerBlock = RIGHT_MS.map(waited =>
  block([
    [Header.waitedMs, waited],
    [Header.replyTo, 'given.1'],
  ]),
)
const message = (thefts: boolean) =>
  fc.record({
    to: target,
    reply: replyTo(thefts),
    header: fc.oneof(anyBlock, offerBlock, fc.constant(new Bytes('NATS/1.0 503'))),
    body: fc.oneof(
      anyBody(2000),
      fc.constantFrom('', '0', '5', '1e9', 'Infinity', '-1', 'cancel').map(text => new Bytes(text)),
    ),
  })
const round = fc.boolean().chain(thefts =>
  fc.record({
    /** How many executors compute something long meanwhile. */
    busy: fc.nat({ max: 2 }),
    messages: fc.array(message(thefts), { minLength: BATCH, maxLength: BATCH }),
  }),
)

/** `counts`: how often each executor has asked so far. */
function subjectOf(place: Place, counts: number[]): string {
  switch (place.kind) {
    case 'fixed':
      return place.subject === LONG ? 'x'.repeat(1200) : place.subject
    case 'inbox':
      return `${inboxes[place.which]}.${place.token.replace('?', String(counts[place.which]! + place.ahead))}`
    case 'held':
      return heldSubject(ids[place.which % ids.length]!)
    case 'own':
      return heldSubject(`own${place.which}`)
  }
}

/** What the executors say of themselves, in the order of their inboxes. */
const states = () => Promise.all(executors.map(({ id }) => statistics(nc, `acts.${id}`)))

async function computing() {
  return (await states()).some(({ backlog, computing }) => backlog + computing > 0)
}

t.test('whatever is sent, the requests of an honest client are answered', async t => {
  nc.subscribe('thief', { callback: () => {} })
  const check = fc.asyncProperty(round, async ({ busy, messages }) => {
    const gate = new Gate(t)
    const long = Array.from({ length: busy }, () => client.call(['gate', gate.name], { timeout: WITHIN_MS }))
    await gate.heard('here', busy)
    const echo = (i: number) => client.call(['echo', i], { timeout: WITHIN_MS })
    const short = Array.from({ length: 10 }, (_, i) => echo(i))
    for (let i = 0; i < 10; i++)
      stranger.publish('acts', 'own', block([[Header.requestId, `own${i}`]]).bytes, '["echo"]')
    const counts = (await states()).map(({ asked }) => asked)
    for (const { to, reply, header, body } of messages) {
      const isCancel = to.kind === 'held' && body.bytes.toString() === 'cancel'
      if (!isCancel) stranger.publish(subjectOf(to, counts), subjectOf(reply, counts), header?.bytes, body.bytes)
    }
    await stranger.flush()
    for (let i = 10; i < 20; i++) short.push(echo(i))
    gate.open()
    for (const [i, call] of short.entries()) if ((await call) !== i) throw new Error(`another result than ${i}`)
    for (const call of long) if ((await call) !== 'go') throw new Error('another result than go')
    // One that was given to two executors is computed twice.
    for (const until = performance.now() + WITHIN_MS; await computing(); gate.open())
      if (performance.now() > until) throw new Error('something is computed for ever')
  })
  await fc.assert(check, { numRuns: RUNS, endOnFailure: true })
})

const inboxNames = (count: number, number: number) => Array.from({ length: count }, (_, i) => `given.${number}.${i}`)

interface Offer {
  entries: Entry[]
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
const offer: fc.Arbitrary<Offer> = fc
  .record({
    waited: either(RIGHT_MS, wrongMs),
    timeout: either(fc.option(RIGHT_MS, { nil: undefined }), fc.constantFrom('-1', '1e3', 'soon')),
    id: either(fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{12,64}$/), { nil: undefined }), fc.constantFrom('', 'a.b')),
    count: either(fc.integer({ min: 1, max: 8 }), fc.constantFrom(0, 9, 500)),
    next: RIGHT_MS,
    body: anyBody(2000),
  })
  .map(({ waited, timeout, id, count, next, body }) => {
    const entries: Entry[] = [
      [Header.waitedMs, waited.value],
      [Header.nextWaitedMs, next],
    ]
    if (timeout.value !== undefined) entries.push([Header.timeoutMs, timeout.value])
    if (id.value !== undefined) entries.push([Header.requestId, id.value])
    const isRight = [waited, timeout, id, count].every(each => each.isRight)
    return { entries, count: count.value, answered: isRight ? count.value : 0, body }
  })

t.test('each offer that is taken is answered once at each of its inboxes', async t => {
  let numbers = 0
  /** By number: whether somebody was idle. */
  const isTaken = new Map<number, boolean>()
  /** By inbox. */
  const answers = new Map<string, number>()
  const turn = new EventEmitter()
  nc.subscribe('taken.*', {
    callback: (_, { subject, headers: head }) => {
      isTaken.set(Number(subject.split('.')[1]), head?.code !== 503)
      turn.emit('message')
    },
  })
  nc.subscribe('given.*.*', {
    callback: (_, { subject }) => {
      answers.set(subject, (answers.get(subject) ?? 0) + 1)
      turn.emit('message')
    },
  })
  await nc.flush()
  let taken = 0
  const check = fc.asyncProperty(fc.array(offer, { minLength: BATCH, maxLength: BATCH }), async offers => {
    const first = numbers
    for (const { entries, count, body } of offers) {
      const head = headersFrom([...entries, [Header.replyTo, inboxNames(count, numbers).join(' ')]])
      // One after the other, else nobody is idle for most of them.
      nc.publish(IDLE, body.bytes, { headers: head, reply: `taken.${numbers}` })
      while (!isTaken.has(numbers)) await next()
      numbers++
    }
    const awaited = offers.flatMap(({ answered }, i) => (isTaken.get(first + i) ? inboxNames(answered, first + i) : []))
    while (awaited.some(inbox => !answers.has(inbox))) await next()
    await client.call(['echo'])
    for (const [inbox, count] of answers) if (count > 1) throw new Error(`${count} answers at ${inbox}`)
    if (answers.size > awaited.length) throw new Error('what is no offer is answered')
    taken += awaited.length
    answers.clear()
  })
  const next = () => once(turn, 'message', { signal: AbortSignal.timeout(WITHIN_MS) })
  await fc.assert(check, { numRuns: RUNS, endOnFailure: true })
  t.comment(`${taken} answers`)
  t.ok(taken > RUNS * 10)
})

const offerHeaders = (replyTo: string) =>
  headersFrom([
    [Header.waitedMs, '1'],
    [Header.replyTo, replyTo],
  ])

t.test('an offer with more inboxes than an executor would name', async t => {
  const answers: string[] = []
  nc.subscribe('many.*', { callback: (_, { subject }) => void answers.push(subject) })
  const offer = (count: number) => {
    const replyTo = Array.from({ length: count }, (_, i) => `many.${i}`).join(' ')
    return nc.request(IDLE, '["echo"]', {
      headers: offerHeaders(replyTo),
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
  const [one, other] = inboxes
  let messages = 0
  const spies = [one, other].map(inbox => nc.subscribe(`${inbox}.*`, { callback: () => void messages++ }))
  nc.publish(`${one}.ask`, '', { reply: `${other}.ask` })
  nc.publish(SURPLUS, '', { reply: SURPLUS })
  for (let i = 0; i < 100; i++) await statistics(nc)
  t.ok(messages < 50, `${messages} messages`)
  for (const spy of spies) spy.unsubscribe()
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
  for (let i = 0; i < given; i++) nc.publish(`${inbox}.a1`, '["echo"]', { headers: offerHeaders(`given.${i}`) })
  const { backlog } = await statistics(nc, 'flood')
  t.ok(backlog >= 1008 && backlog <= 1010, `${backlog} wait`)
  gate.open()
  await computing
  while (codes.length < given) await nc.flush()
  const refused = codes.filter(code => code === '429').length
  // One or two were out as offers.
  t.ok(refused <= given - 1010 && refused >= given - 1012, `${refused} are refused`)
})

t.test('both executors go on, and stop', async t => {
  const seen = new Set<string | undefined>()
  while (seen.size < 2) seen.add((await client.request(['echo'])).executorId)
  await Promise.all(executors.map(executor => executor.stop()))
  t.strictSame(warnings, [])
})
