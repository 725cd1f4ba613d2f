// The head of a message, read as far as it is asked for.
import t, { type Test } from 'tap'
import { headers } from 'nats'
import { RawHeaders } from '../lib/protocol/raw-headers.js'
import { headersOf } from '../lib/nats/headers.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { rawConnection } from './fixtures/raw-connection.js'

const TEXT = 'NATS/1.0\r\nX-Name:  a value \r\nName:first\r\nName: second\r\nOther: Name: no\r\nEmpty:\r\n\r\n'

t.test('headers', async t => {
  const head = new RawHeaders(TEXT)
  t.equal(head.get('X-Name'), 'a value')
  t.equal(head.get('Name'), 'first')
  t.equal(head.get('Other'), 'Name: no')
  t.equal(head.get('Empty'), '')
  t.equal(head.get('name'), undefined)
  t.equal(head.get('Nam'), undefined)
  t.equal(head.get('NATS/1.0'), undefined)
  t.equal(head.length, TEXT.length)
})

t.test('the last one without an end', async t => {
  t.equal(new RawHeaders('NATS/1.0\r\nName: value').get('Name'), 'value')
  t.equal(new RawHeaders('Name: value').get('Name'), undefined)
  t.equal(new RawHeaders('').get('Name'), undefined)
})

t.test('the status', async t => {
  t.equal(new RawHeaders('NATS/1.0 503\r\n\r\n').code, 503)
  t.equal(new RawHeaders('NATS/1.0 408 too late\r\nName: value\r\n\r\n').code, 408)
  for (const text of [TEXT, 'NATS/1.0 five\r\n\r\n', 'HTTP/1.0 503', '']) t.equal(new RawHeaders(text).code, 0)
})

const told = (head: RawHeaders | undefined) =>
  head && { code: head.code, name: head.get('Name'), other: head.get('Other') }

async function receive(t: Test, header: Uint8Array | undefined, body: string) {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const received = new Promise<any>(resolve => {
    nc.subscribe('here', { callback: (_, message) => resolve(message) })
  })
  await nc.flush()
  const stranger = await rawConnection(t, server)
  stranger.publish('here', 'reply', header, body)
  return received
}

for (const length of [0, 100_000])
  t.test(`as nats.js keeps it, with a body of ${length} bytes`, async t => {
    const message = await receive(t, Buffer.from('NATS/1.0\r\nName: välue\r\nOther: x'), 'b'.repeat(length))
    t.strictSame(told(headersOf(message)), { code: 0, name: 'välue', other: 'x' })
    t.equal(message.data.length, length)
  })

t.test('none', async t => {
  t.equal(headersOf(await receive(t, undefined, 'body')), undefined)
  t.equal(headersOf({ headers: undefined } as any), undefined)
})

t.test('with a nats.js that keeps it in another way', async t => {
  const given = headers(503, 'nobody')
  given.append('Name', 'first')
  given.append('Name', 'second')
  given.append('Other', 'x')
  t.strictSame(told(headersOf({ headers: given } as any)), { code: 503, name: 'first', other: 'x' })
})
