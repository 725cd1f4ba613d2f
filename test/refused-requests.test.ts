// Whatever is no request gets code 400 at once, and the executor goes on.
import { randomBytes } from 'node:crypto'
import { headers } from 'nats'
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { rawConnection } from './fixtures/raw-connection.js'

const server = await startServer(t, 'max_payload: 2MB')
const executor = await startExecutor(t, server, { module: undefined, service: 'fibonacci' })
const nc = await connectTo(t, server)
const WITHIN_MS = 1000

async function refusal(body: string | Uint8Array, head: Record<string, string> = {}) {
  const all = headers()
  for (const [name, value] of Object.entries(head)) all.set(name, value)
  const reply = await nc.request('fibonacci', body, { headers: all, timeout: WITHIN_MS })
  const get = (name: string) => reply.headers?.get(name) || undefined
  return { code: get('Nats-Service-Error-Code'), text: get('Nats-Service-Error') ?? '', id: get('Request-Id') }
}

const notIntegers = ['-1', '1.5', '79', '"30"', '[30]', '{}', 'null', 'true', '1e400', '-0.5', '1e999']
for (const body of notIntegers)
  t.test(`the body ${body}`, async t => {
    const { code, text } = await refusal(body)
    t.equal(code, '400')
    t.match(text, /integer from 0 to 78, got /)
  })

for (const [name, body] of Object.entries({
  'a body of letters': 'abc',
  'two numbers': '1 2',
  'half a string': '"30',
  'a megabyte of random bytes': randomBytes(1_000_000),
}))
  t.test(name, async t => {
    const { code, text } = await refusal(body)
    t.equal(code, '400')
    t.match(text, /not JSON/)
  })

t.test('an empty body is no argument', async t => {
  t.match(await refusal(''), { code: '400', text: 'expected an integer from 0 to 78, got nothing' })
})

t.test('a long argument is not sent back whole', async t => {
  const { code, text } = await refusal(JSON.stringify('y'.repeat(100_000)))
  t.equal(code, '400')
  t.ok(text.length < 200)
})

for (const id of ['x'.repeat(10_000), 'x'.repeat(65), 'a.b', 'a b', '*', '>', 'ä'])
  t.test(`the request id ${id.slice(0, 10)} of ${id.length} characters`, async t => {
    const answer = await refusal('30', { 'Request-Id': id })
    t.equal(answer.code, '400')
    t.match(answer.text, /^Request-Id must be/)
    t.equal(answer.id, undefined)
  })

for (const ms of ['abc', '-1', '1e3', 'Infinity', '0x10', '1,5', '9'.repeat(400)])
  t.test(`Timeout-Ms ${ms.slice(0, 10)}`, async t => {
    const answer = await refusal('30', { 'Timeout-Ms': ms, 'Request-Id': 'mine' })
    t.equal(answer.code, '400')
    t.match(answer.text, /^Timeout-Ms must be/)
    t.equal(answer.id, 'mine')
  })

t.test('a reply subject that is no inbox, or too long for the server', async t => {
  const stranger = await rawConnection(t, server)
  const notices: string[] = []
  executor.on('warning', text => notices.push(text))
  // A byte that is no UTF-8 is read as a character of three bytes; the server takes lines of 4096 bytes.
  const replies = [
    '\xff'.repeat(3900),
    `_INBOX.${'x'.repeat(997)}`,
    'odd.*',
    'odd.>',
    'odd.one',
    `_INBOX.${'x'.repeat(251)}`,
  ]
  for (const subject of ['fibonacci', '_EXEC.find.fibonacci', '$SRV.PING', '$SRV.STATS'])
    for (const reply of replies) stranger.publish(subject, reply, undefined, '30')
  const answers: string[] = []
  nc.subscribe('odd.>', { callback: (_, { subject }) => void answers.push(subject) })
  await stranger.flush()
  await nc.request('fibonacci', '30', { timeout: 10_000 })
  t.strictSame(answers, [])
  const why = 'which begins with one of _INBOX., _R_. (inboxPrefixes, --inbox-prefixes)'
  t.strictSame(new Set(notices), new Set([`ignored a message whose reply subject is no inbox, ${why}`]))
})

t.test('the executor goes on', async t => {
  const reply = await nc.request('fibonacci', '30', { timeout: 10_000 })
  t.equal(reply.string(), '832040')
})
