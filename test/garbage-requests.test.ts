// Whatever a stranger sends to the subject of requests is answered once, with a result or an error, and the executor goes on.
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import type { Msg } from 'nats'
import t from 'tap'
import { Header } from '../lib/protocol/headers.js'
import { parseThrown } from '../lib/protocol/thrown.js'
import { Bytes, type Entry, RIGHT_MS, anyBlock, anyBody, block, entries } from './fixtures/garbage.js'
import { fixture, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'
import { rawConnection } from './fixtures/raw-connection.js'

/** Messages in all: RUNS batches of as many as BATCH. */
const RUNS = 30
const BATCH = 100
const BACKLOG = 50
const MOST = 64 * 1024
const WITHIN_MS = 30_000

const server = await startServer(t, `max_payload: ${MOST}`)
const module = fileURLToPath(fixture('acts.mjs'))
const args = `--servers ${server.url} --service acts --log json --backlog ${BACKLOG}`.split(' ')
const executor = run(t, 'executor', [...args, module])
await executor.line(/"ready"/)
const nc = await connectTo(t, server)
const stranger = await rawConnection(t, server)

/** What is known of the answer: a right result, that it is code 400, or that it is one of all definite ones. */
type Expected = 'result' | 'refused' | 'answer' | 'nothing'
interface Message {
  header: Bytes | undefined
  body: Bytes
  /** The reply subject that belongs to a number. */
  reply: (number: number) => string
  /** The id that is to be echoed. */
  id?: string
  expected: Expected
}

const plainReply = (number: number) => `_INBOX.r.${number}`
const anything: fc.Arbitrary<Message> = fc
  .tuple(anyBlock, anyBody(MOST))
  // The server closes the connection that sends it more than it takes.
  .filter(([header, body]) => body.bytes.length + (header ? header.bytes.length + 4 : 0) <= MOST)
  .map(([header, body]) => ({ header, body, reply: plainReply, expected: 'answer' }))

/** Headers that make another request of it. */
const TELLING: string[] = [
  Header.requestId,
  Header.timeoutMs,
  Header.batchSize,
  Header.priority,
  Header.key,
  Header.function,
  Header.contentType,
  Header.attempt,
]
const rightRequest: fc.Arbitrary<Message> = fc
  .record({
    json: fc.jsonValue(),
    id: fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{12,64}$/), { nil: undefined }),
    timeout: fc.option(fc.constantFrom('60000', '999999999999999.999999', '123456.789'), { nil: undefined }),
    others: entries.map(all => all.filter(([name]) => !TELLING.includes(name))),
  })
  .map(({ json, id, timeout, others }) => {
    const own: Entry[] = []
    if (id !== undefined) own.push([Header.requestId, id])
    if (timeout !== undefined) own.push([Header.timeoutMs, timeout])
    const body = new Bytes(JSON.stringify(['echo', json]))
    return {
      header: block([...others, ...own]),
      body,
      reply: plainReply,
      ...(id !== undefined && { id }),
      expected: 'result',
    }
  })

/** A time that may pass before, while or after it is computed. */
const shortTimeout: fc.Arbitrary<Message> = fc.tuple(RIGHT_MS, anyBody(MOST / 2)).map(([ms, body]) => ({
  header: block([[Header.timeoutMs, ms]]),
  body,
  reply: plainReply,
  expected: 'answer',
}))

/** As large as the server takes, to the byte, and up to a bit less. */
const largest: fc.Arbitrary<Message> = fc.tuple(entries, fc.nat({ max: 300 })).map(([all, less]) => {
  const header = block(all)
  const text = 'x'.repeat(MOST - header.bytes.length - '\r\n\r\n["size",""]'.length - less)
  return { header, body: new Bytes(`["size","${text}"]`), reply: plainReply, expected: 'answer' }
})

const oddReply: fc.Arbitrary<Message> = fc
  .tuple(
    fc.constantFrom<[tail: string, expected: Expected]>(
      ['.' + 'x'.repeat(230), 'result'],
      ['.' + 'x'.repeat(260), 'nothing'],
      ['.' + 'x'.repeat(900), 'nothing'],
      ['.' + 'x'.repeat(1000), 'nothing'],
      ['.' + 'x'.repeat(3900), 'nothing'],
      // Each of these bytes becomes a character of three.
      ['.' + '\xff'.repeat(500), 'nothing'],
      ['.' + '\xff'.repeat(3900), 'nothing'],
      ['.*', 'nothing'],
      ['.>', 'nothing'],
      ['.\x01"\\{}', 'result'],
      ['.\xc3\xa4\xf0\x9f\x98\x80', 'result'],
      ['.\xc2\xa0', 'nothing'],
      ['..', 'nothing'],
    ),
    fc.jsonValue(),
  )
  .map(([[tail, expected], json]) => ({
    header: undefined,
    body: new Bytes(JSON.stringify(['echo', json])),
    reply: number => `_INBOX.r.${number}${tail}`,
    expected,
  }))

const noReply: fc.Arbitrary<Message> = fc
  .tuple(anyBlock, anyBody(1000))
  .map(([header, body]) => ({ header, body, reply: () => '', expected: 'nothing' }))

const batch = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: anything },
    { weight: 4, arbitrary: rightRequest },
    { weight: 2, arbitrary: shortTimeout },
    { weight: 1, arbitrary: largest },
    { weight: 2, arbitrary: oddReply },
    { weight: 1, arbitrary: noReply },
  ),
  { minLength: BATCH, maxLength: BATCH },
)

const CODES = ['400', '408', '413', '429', '500']
/** What came back, by the number in its reply subject. */
const answers = new Map<number, Msg[]>()
const turn = new EventEmitter()
nc.subscribe('_INBOX.r.>', {
  callback: (_, message) => {
    if (message.headers?.get(Header.notice)) return
    const number = Number(message.subject.split('.')[2])
    answers.set(number, [...(answers.get(number) ?? []), message])
    turn.emit('answer')
  },
})
await nc.flush()
let numbers = 0

async function nextAnswer(missing: () => Message[]) {
  try {
    await once(turn, 'answer', { signal: AbortSignal.timeout(WITHIN_MS) })
  } catch {
    if (!executor.isRunning) throw new Error(`the executor has ended: ${executor.stderr.join('\n')}`)
    throw new Error(`not answered: ${fc.stringify(missing())}`)
  }
}

/** What is wrong with the answers to a message. */
function complaint({ body, id, expected }: Message, got: Msg[]): string | undefined {
  if (expected === 'nothing') return got.length === 0 ? undefined : 'an answer to what has no reply subject'
  if (got.length !== 1) return `${got.length} answers`
  const { headers, data } = got[0]!
  const code = headers!.get('Nats-Service-Error-Code')
  if (!headers!.get('Executor-Id')) return 'no Executor-Id'
  if (code !== '' && !CODES.includes(code)) return `code ${code}`
  if (code !== '' && data.length > 0 && !parseThrown(got[0]!.string())) return 'an error with a strange body'
  if (expected === 'refused') return code === '400' ? undefined : `not refused: ${code}`
  if (code === '' && headers!.get('Content-Type') === '') JSON.parse(got[0]!.string())
  if (expected !== 'result' || code === '429') return undefined
  if (code !== '') return `code ${code}: ${headers!.get('Nats-Service-Error')}`
  if (id !== undefined && headers!.get('Request-Id') !== id) return 'another id'
  const right = JSON.stringify(JSON.parse(body.bytes.toString())[1])
  return got[0]!.string() === right ? undefined : `another result: ${got[0]!.string()}`
}

t.test('each message is answered once', async t => {
  const kinds = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(batch, async messages => {
      const first = numbers
      for (const { reply, header, body } of messages)
        stranger.publish('acts', reply(numbers++), header?.bytes, body.bytes)
      await stranger.flush()
      const missing = () => messages.filter((message, i) => message.expected !== 'nothing' && !answers.has(first + i))
      while (missing().length > 0) await nextAnswer(missing)
      const right = await nc.request('acts', '["echo","right"]', { timeout: WITHIN_MS })
      if (right.string() !== '"right"') throw new Error(`a right request: ${right.headers}`)
      for (const [i, message] of messages.entries()) {
        const got = answers.get(first + i) ?? []
        const wrong = complaint(message, got)
        if (wrong) throw new Error(`${wrong}; to ${fc.stringify(message)}`)
        const kind = got.length === 0 ? 'nothing' : got[0]!.headers!.get('Nats-Service-Error-Code') || 'result'
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      }
      answers.clear()
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
  t.comment(Object.fromEntries(kinds))
  for (const kind of ['nothing', 'result', ...CODES]) t.ok(kinds.has(kind), `some of ${kind}`)
  t.equal(numbers, RUNS * BATCH)
})

t.test('one request that is sent again and again is answered each time', async t => {
  const header = block([[Header.requestId, 'the-same']]).bytes
  const first = numbers
  for (; numbers < first + 20; numbers++) stranger.publish('acts', plainReply(numbers), header, '["sleep",200]')
  while (answers.size < 20) await once(turn, 'answer', { signal: AbortSignal.timeout(WITHIN_MS) })
  const codes = [...answers.values()].map(([message]) => message!.headers!.get('Nats-Service-Error-Code'))
  t.equal(codes.filter(code => code === '').length, 8)
  t.equal(codes.filter(code => code === '429').length, 12)
  answers.clear()
})

t.test('the executor has nothing left, and nothing to complain of', async t => {
  t.match(await statistics(nc), { backlog: 0, computing: 0 })
  t.strictSame(executor.stderr, [])
  for (const line of executor.stdout) JSON.parse(line)
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
  await nc.flush()
  t.equal(answers.size, 0, 'nothing is answered later')
})
