// A call that ends at its timeout says what was last heard of its request, and not that nobody is there. The answers come from a
// stranger here, as often as they are asked for.
import { type Msg, headers } from 'nats'
import t from 'tap'
import { Obstacles } from '../lib/client/obstacles.js'
import { RequestError } from '../lib/errors.js'
import { Header } from '../lib/protocol/headers.js'
import { newClient, rejection } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const nc = await connectTo(t, server)
let answers: Record<string, string>[] = []
let asked = 0
const hear = (message: Msg) => {
  // The last one again and again.
  const entries = answers[Math.min(asked++, answers.length - 1)]!
  const head = headers()
  head.set(Header.requestId, message.headers!.get(Header.requestId))
  for (const [name, value] of Object.entries(entries)) head.set(name, value)
  message.respond(entries[Header.errorCode] ? '' : message.data, { headers: head })
}
nc.subscribe('refuses', { callback: (_, message) => hear(message) })
await nc.flush()

const refusal = (code: number, text: string, more: Record<string, string> = {}) => ({
  [Header.errorCode]: String(code),
  [Header.error]: text,
  ...more,
})
/** So that it waits when its timeout comes. */
const later = { [Header.retryAfterMs]: '60000' }
const started = { [Header.computeMs]: '3' }
const interrupted = refusal(503, 'interrupted: its process has ended', { ...started, ...later })
const stopping = refusal(503, 'the executor is stopping', later)
const full = refusal(429, 'the backlog is full')
const client = newClient(t, server, { service: 'refuses' })

const cases: [what: string, answers: Record<string, string>[], name: string, message: string, cause: string][] = [
  ['interrupted', [interrupted], 'UnavailableError', `not computed within 0.4 s: ${interrupted[Header.error]}`, 'its process'], // prettier-ignore
  ['refused by who stops', [stopping], 'UnavailableError', 'not computed within 0.4 s: the executor is stopping', 'stopping'], // prettier-ignore
  ['interrupted after there was no room', [full, interrupted], 'UnavailableError', `not computed within 0.4 s: ${interrupted[Header.error]}`, 'its process'], // prettier-ignore
  ['without room after it was interrupted', [interrupted, full], 'OverloadedError', 'no room in any backlog within 0.4 s', 'is full'], // prettier-ignore
]
for (const [what, all, name, message, cause] of cases)
  t.test(`a request that is ${what}`, async t => {
    answers = all
    for (const end of [
      () => client.call(1, { timeout: 400 }),
      async () => {
        for await (const { error } of client.map([1], { timeout: 400 })) throw error!
      },
    ]) {
      let error
      // On a busy machine the last answer may take so long that the request seems to be taken.
      for (let i = 0; i < 5 && (error === undefined || error.name === 'TimeoutError'); i++) {
        asked = 0
        error = await rejection(end())
      }
      t.match(error, { name, message, requestId: /./, cause: { message: new RegExp(cause) } })
    }
  })

t.test('a request that is interrupted, and not to be sent again', async t => {
  answers = [interrupted]
  const error = await rejection(client.call(1, { retries: 0 }))
  t.match(error, { name: 'RequestLostError', cause: { message: interrupted[Header.error] } })
})

t.test('what was lost when the timeout is over may have been taken, unless somebody has said otherwise', t => {
  const obstacles = new Obstacles()
  t.equal(obstacles.isTaken(undefined, true), true)
  t.equal(obstacles.isTaken(undefined, false), false, 'it was not sent')
  obstacles.refused(new RequestError(503, 'stopping'))
  t.equal(obstacles.isTaken(undefined, true), false)
  obstacles.clear()
  obstacles.hasFoundNobody = true
  t.equal(obstacles.isTaken(undefined, true), false)
  t.end()
})

t.test('there was no room, and then there is no server', async t => {
  const other = await startServer(t)
  const nc = await connectTo(t, other)
  nc.subscribe('refuses', { callback: (_, message) => hear(message) })
  await nc.flush()
  answers = [refusal(429, 'the backlog is full', { [Header.retryAfterMs]: '500' }), {}]
  asked = 0
  const connection = await connectTo(t, other)
  const [client, second] = [1, 2].map(() => newClient(t, other, { connection, service: 'refuses' }))
  const call = rejection(client!.call(1, { timeout: 3000 }))
  t.equal(await second!.call(2), 2, 'so the other one has been refused')
  await other.kill()
  t.match(await call, { name: 'NoExecutorsError', message: 'no nats-server' })
})
