// Whatever somebody on the subject answers, each call ends in time with a result or an error of the library.
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { type MsgHdrs, headers } from 'nats'
import * as library from 'nats-executor'
import t from 'tap'
import { Header } from '../lib/protocol/headers.js'
import { isBytesType } from '../lib/protocol/payload.js'
import type { Question } from '../lib/protocol/hold.js'
import { DEFAULT_PREFIX, Subjects } from '../lib/protocol/subjects.js'
import { Bytes, type Entry, anyBody, entries } from './fixtures/garbage.js'
import { newClient } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

/** Calls in all: RUNS times as many at once as CALLS. */
const RUNS = 25
const CALLS = 80
const LONGEST_MS = 150
/** How much later than its timeout a call may end on a busy machine. */
const SLACK_MS = 5000

const ERRORS: unknown[] = Object.entries(library).flatMap(([name, value]) =>
  name.endsWith('Error') && name !== 'RequestError' ? [value] : [],
)

interface Reply {
  status: [code: number, description: string] | undefined
  entries: Entry[]
  /** Whether it has the id of the request. */
  echoes: boolean
  body: Bytes
}

interface Lie {
  /** What a request is answered with, one after the other; each attempt alike. */
  replies: Reply[]
  /** What somebody is answered who asks who holds it. */
  held: Held | undefined
  timeout: number
  retries: number
  /** When the caller loses patience. */
  abortAfter: number | undefined
}

/** Something at all, or what becomes of a request. */
type Held = Bytes | 'waiting' | 'computing' | 'answered' | 'missing' | 'moved' | 'odd'

const seldom = <Value>(arbitrary: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

const anyReply: fc.Arbitrary<Reply> = fc.record({
  status: seldom(fc.tuple(fc.constantFrom(1, 100, 400, 404, 408, 503), fc.constantFrom('No Responders', '0', ':'))),
  entries,
  echoes: fc.boolean(),
  body: fc.oneof(
    fc.json().map(json => new Bytes(json)),
    fc.constant(new Bytes('')),
    anyBody(100_000),
  ),
})
/** As an executor would send it. */
const rightReply: fc.Arbitrary<Reply> = fc
  .oneof(
    fc.json().map(json => ({ entries: [], body: new Bytes(json) })),
    fc.constantFrom('waiting', 'computing', 'odd').map(state => ({
      entries: [[Header.notice, state] as Entry, [Header.executorId, 'liar'] as Entry],
      body: new Bytes(''),
    })),
    fc.constantFrom('400', '408', '413', '429', '499', '500', '503').map(code => ({
      entries: [[Header.errorCode, code] as Entry],
      body: new Bytes(''),
    })),
  )
  .map(reply => ({ ...reply, status: undefined, echoes: true }))
const lie: fc.Arbitrary<Lie> = fc.record({
  replies: fc.array(fc.oneof({ weight: 2, arbitrary: anyReply }, { weight: 1, arbitrary: rightReply }), {
    maxLength: 3,
  }),
  held: fc.oneof(
    fc.constant(undefined),
    fc.constantFrom<Held[]>('waiting', 'computing', 'answered', 'missing', 'moved', 'odd'),
    anyBody(1000),
  ),
  timeout: fc.integer({ min: 1, max: LONGEST_MS }),
  retries: fc.constantFrom(0, 1, Infinity),
  abortAfter: seldom(fc.integer({ min: 0, max: 100 })),
})

const server = await startServer(t)
const nc = await connectTo(t, server)
const client = newClient(t, server, { service: 'liar' })
/** An argument is the number of one of these, or text that is honestly sent back. */
let lies: Lie[] = []
/** How often each lie was told. */
let attempts: number[] = []
const byId = new Map<string, Lie>()

function headersOf({ status, entries, echoes }: Reply, id: string): MsgHdrs {
  const head = status ? headers(...status) : headers()
  for (const [name, value] of entries) head.append(name, value)
  if (echoes) head.set(Header.requestId, id)
  return head
}

nc.subscribe('liar', {
  callback: (_, message) => {
    const id = message.headers!.get(Header.requestId)
    const argument = message.json<number | string>()
    if (typeof argument === 'string') {
      const head = headers()
      head.set(Header.requestId, id)
      message.respond(message.data, { headers: head })
      return
    }
    const told = lies[argument]!
    attempts[argument]!++
    byId.set(id, told)
    for (const reply of told.replies) message.respond(reply.body.bytes, { headers: headersOf(reply, id) })
  },
})
const subjects = new Subjects(DEFAULT_PREFIX, 'executors', 'liar')
for (const subject of [subjects.find, subjects.hold('*')])
  nc.subscribe(subject, {
    callback: (_, message) => {
      const { ids = [], cancel = [] } = message.json<Question>()
      for (const id of [...ids, ...cancel]) {
        const held = byId.get(id)?.held
        if (held instanceof Bytes) message.respond(held.bytes)
        else if (held === 'moved') message.respond(JSON.stringify({ executorId: 'liar', moved: { [id]: 'other' } }))
        else if (held) message.respond(JSON.stringify({ executorId: 'liar', [held]: [id] }))
      }
    },
  })
await nc.flush()

const tell = (all: Lie[]) => {
  lies = all
  attempts = all.map(() => 0)
  byId.clear()
}

/** Whether a call may resolve with this because of that reply. */
function isResult(reply: Reply, result: unknown) {
  const head = headersOf(reply, 'id')
  const isOurs = reply.echoes || (!head.has(Header.requestId) && head.get(Header.executorId) !== '')
  if (!isOurs || head.get(Header.errorCode) !== '' || head.has(Header.notice)) return false
  if (isBytesType(head.get(Header.contentType)))
    return result instanceof Uint8Array && Buffer.compare(result, reply.body.bytes) === 0
  try {
    return isDeepStrictEqual(JSON.parse(new TextDecoder().decode(reply.body.bytes)), result)
  } catch (error) {
    // What is nested too deeply cannot be compared.
    return error instanceof RangeError
  }
}

/** What is wrong with how a call ended. */
function complaint({ replies, timeout }: Lie, outcome: PromiseSettledResult<unknown>, ms: number) {
  if (ms > timeout + SLACK_MS) return `it took ${ms} ms`
  if (outcome.status === 'fulfilled')
    return replies.some(reply => isResult(reply, outcome.value)) ? undefined : 'a result that nobody sent'
  const error = outcome.reason as library.RequestError
  if (!ERRORS.includes(error.constructor)) return `no error of the library: ${error.stack}`
  return error.code && error.message && error.requestId ? undefined : `an error that says little: ${error.stack}`
}

/** Makes calls that are lied to, and returns how many ended how. */
async function checkCalls(runs: number, each: fc.Arbitrary<Lie>) {
  const kinds = new Map<string, number>()
  const check = fc.asyncProperty(fc.array(each, { minLength: CALLS, maxLength: CALLS }), async all => {
    tell(all)
    const from = performance.now()
    const took: number[] = []
    const calls = all.map(({ timeout, retries, abortAfter }, i) => {
      const signal = abortAfter === undefined ? {} : { signal: AbortSignal.timeout(abortAfter) }
      return client.call(i, { timeout, retries, ...signal }).finally(() => (took[i] = performance.now() - from))
    })
    for (const [i, outcome] of (await Promise.allSettled(calls)).entries()) {
      const wrong = complaint(all[i]!, outcome, took[i]!)
      if (wrong) throw new Error(`${wrong}; after ${fc.stringify(all[i])}`)
      const kind = outcome.status === 'fulfilled' ? 'result' : outcome.reason.name
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
    for (const [i, { replies }] of all.entries()) {
      // One that found no room is sent again, too, whenever another call was answered.
      const isLetIn = replies.some(({ entries }) => entries.some(([, value]) => value === '429'))
      if (attempts[i]! > 20 + (isLetIn ? CALLS : 0)) throw new Error(`a request is sent ${attempts[i]} times`)
    }
    if ((await client.call('honest')) !== 'honest') throw new Error('not the result')
  })
  await fc.assert(check, { numRuns: runs, endOnFailure: true })
  return kinds
}

t.test('each call ends', async t => {
  const kinds = await checkCalls(RUNS, lie)
  t.comment(Object.fromEntries(kinds))
  for (const kind of [
    'result',
    'ProtocolError',
    'TimeoutError',
    'NoExecutorsError',
    'ExecutionError',
    'CancelledError',
  ])
    t.ok(kinds.has(kind), `some of ${kind}`)
})

t.test('so do those that ask who holds their request', async t => {
  const unanswered = lie.map(each => ({ ...each, replies: [], timeout: 800, abortAfter: undefined }))
  const kinds = await checkCalls(2, unanswered)
  t.strictSame([...kinds.keys()].toSorted(), ['TimeoutError'])
})

for (const [name, value] of [
  [Header.retryAfterMs, '-1e9'],
  [Header.retryAfterMs, '1e12'],
  [Header.computeMs, '1'],
] as const)
  t.test(`a client does not send without a pause when it is told ${name}: ${value}`, async t => {
    const entries: Entry[] = [
      [Header.errorCode, '503'],
      [name, value],
    ]
    const replies = [{ status: undefined, entries, echoes: true, body: new Bytes('') }]
    tell([{ replies, held: undefined, timeout: 500, retries: Infinity, abortAfter: undefined }])
    // What it was sent alone it does not even refuse.
    await t.rejects(client.call(0, { timeout: 500 }), { name: /^(Unavailable|NoExecutors|Timeout)Error$/ })
    t.ok(attempts[0]! < 20, `${attempts[0]} attempts`)
  })

t.test('the client closes', async t => {
  await client.close()
  while ((await server.connections()).some(name => name.startsWith('client')));
  t.match(await client.call('honest').catch(error => error), { name: 'CancelledError' })
})
