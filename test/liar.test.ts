// Somebody on the subject who does not keep to the protocol is found out, and nobody waits for ever.
import { type Msg, type MsgHdrs, headers } from 'nats'
import t from 'tap'
import { newClient, rejection } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { rawConnection } from './fixtures/raw-connection.js'

type Answer = (message: Msg, head: MsgHdrs) => void

const server = await startServer(t)
const nc = await connectTo(t, server)
const client = newClient(t, server, { service: 'liar', timeout: 20_000 })
let answer: Answer
nc.subscribe('liar', {
  callback: (_, message) => {
    const head = headers()
    head.set('Request-Id', message.headers!.get('Request-Id'))
    answer(message, head)
  },
})
await nc.flush()

const lies: [what: string, name: string, code: number, text: RegExp, answer: Answer][] = [
  ['no JSON', 'ProtocolError', 502, /not JSON/, (m, head) => m.respond('{', { headers: head })],
  ['nothing', 'ProtocolError', 502, /not JSON/, (m, head) => m.respond('', { headers: head })],
  ['an unknown code', 'ProtocolError', 502, /unknown error code 777: odd/, error('777', 'odd')],
  ['a code that is no number', 'ProtocolError', 502, /unknown error code/, error('many', 'odd')],
  ['an error without text', 'ExecutionError', 500, /./, error('500')],
  ['an error with an empty text', 'InvalidArgumentError', 400, /./, error('400', '')],
]
for (const [what, name, code, text, lie] of lies)
  t.test(`it answers with ${what}`, async t => {
    answer = lie
    const found = await rejection(client.call(1))
    t.match(found, { name, code, requestId: /^[\w-]{21}$/ })
    t.match(found.message, text)
  })

const strange: [what: string, text: RegExp, answer: Answer][] = [
  ['another id', /"another"/, (m, head) => (head.set('Request-Id', 'another'), m.respond('1', { headers: head }))],
  ['no id', /"1"/, m => m.respond('1', { headers: headers() })],
  ['no headers', /"\{\\"stream\\":/, m => m.respond('{"stream":"all","seq":1}')],
  [
    "another one's error",
    /"another"/,
    (m, head) => {
      head.set('Request-Id', 'another')
      head.set('Nats-Service-Error-Code', '500')
      m.respond('', { headers: head })
    },
  ],
]
for (const [what, text, lie] of strange)
  t.test(`a reply with ${what} is none`, async t => {
    answer = lie
    const found = await rejection(client.call(1, { timeout: 100 }))
    t.match(found, { name: 'TimeoutError', code: 408, requestId: /^[\w-]{21}$/, attempts: 1, losses: 0 })
    t.match(
      found.message,
      /^no answer within 0.1 s \(a reply came that is none of an executor's, without its Request-Id .* a stream/,
    )
    t.match(found.message, text)
    answer = (message, head) => {
      lie(message, head)
      const own = headers()
      own.set('Request-Id', message.headers!.get('Request-Id'))
      message.respond('"the real one"', { headers: own })
    }
    t.equal(await client.call(1), 'the real one', 'the real one is waited for')
  })

t.test('it puts off for ever', async t => {
  for (const retryAfter of ['3600000', 'soon', '-5', '1e99']) {
    answer = error('503', 'later', retryAfter)
    const from = performance.now()
    t.match(await rejection(client.call(1, { timeout: 300 })), { name: 'UnavailableError', message: / later$/ })
    t.ok(performance.now() - from < 5000)
  }
})

t.test('it answers twice, and another id first', async t => {
  answer = (message, head) => {
    message.respond('"first"', { headers: head })
    message.respond('"second"', { headers: head })
  }
  t.equal(await client.call(1), 'first')
  t.equal(await client.call(2), 'first', 'what came late is not the answer to the next call')
})

t.test('it lies about the time', async t => {
  answer = (message, head) => {
    head.set('Compute-Ms', 'long')
    message.respond('1', { headers: head })
  }
  t.match(await client.request(1), { result: 1, computeMs: undefined, executorId: undefined })
})

for (const kind of ['own', 'handed in'])
  t.test(`its headers are none that nats.js can read, on a connection ${kind}`, async t => {
    const connection = await connectTo(t, server)
    const client = newClient(t, server, { service: 'liar', ...(kind === 'handed in' && { connection }) })
    const stranger = await rawConnection(t, server)
    const unreadable = (id: string) => `NATS/1.0\r\nRequest-Id: ${id}\r\nBad Name: x`
    answer = (message, head) => stranger.publish(message.reply!, '', unreadable(head.get('Request-Id')), '5')
    t.equal(await client.call(1), 5, 'nobody cares about the others')
    answer = message => stranger.publish(message.reply!, '', unreadable('another'), '')
    t.match(await rejection(client.call(1, { timeout: 100 })), { name: 'TimeoutError' })
    let questions = 0
    const held = nc.subscribe('_EXEC.find.liar', {
      callback: (_, { reply }) => {
        questions++
        stranger.publish(reply!, '', unreadable('x'), '{}')
      },
    })
    answer = () => {}
    t.match(await rejection(client.call(1, { timeout: 1000 })), { name: 'TimeoutError' })
    held.unsubscribe()
    t.ok(questions > 0)
    answer = (message, head) => message.respond('6', { headers: head })
    t.equal(await client.call(1), 6, 'the connection is read on')
  })

function error(code: string, text?: string, retryAfter?: string): Answer {
  return (message, head) => {
    head.set('Nats-Service-Error-Code', code)
    if (text !== undefined) head.set('Nats-Service-Error', text)
    if (retryAfter !== undefined) head.set('Retry-After-Ms', retryAfter)
    message.respond('', { headers: head })
  }
}
