// Headers that no client library would send: nats.js fails on some of them, and takes minutes for others.
import t from 'tap'
import { newClient, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { rawConnection } from './fixtures/raw-connection.js'

const HEADERS = ['garbage', 'NATS/1.0\r\nRequest Id: 1', 'NATS/1.0\r\n\u00ff: x', 'NATS/1.0\r\n: x', 'NATS/1.0 503', '']
const MANY = ['NATS/1.0', ...Array.from({ length: 30_000 }, (_, i) => `${i.toString(36)}:`)].join('\r\n')

const server = await startServer(t)
const executor = await startExecutor(t, server)
const client = newClient(t, server)
const nc = await connectTo(t, server)
const stranger = await rawConnection(t, server)
let codes: (string | undefined)[] = []
nc.subscribe('_INBOX.replies', {
  callback: (_, { headers }) => void codes.push(headers?.get('Nats-Service-Error-Code')),
})
await nc.flush()

const SUBJECTS = ['acts', `_EXEC.peer.executors.acts.${executor.id}`, `$SRV.PING.acts.${executor.id}`]

async function send(header: string) {
  for (const subject of SUBJECTS) stranger.publish(subject, '_INBOX.replies', header, '["echo",1]')
  await stranger.flush()
}

t.test('an executor goes on', async t => {
  for (const header of HEADERS) await send(header)
  t.equal(await client.call(['echo', 'still here']), 'still here')
  await nc.flush()
  t.equal(codes.filter(code => code === '').length, HEADERS.length, 'the requests are computed')
  t.notOk(codes.some(Boolean), 'and nothing is refused')
})

for (const [count, isKept] of [
  [256, true],
  [257, false],
] as const)
  t.test(`${count} of them`, async t => {
    codes = []
    const lines = Array.from({ length: count }, (_, i) => `h${i}:`)
    stranger.publish('acts', '_INBOX.replies', ['NATS/1.0', ...lines].join('\r\n'), '["echo",1]')
    await stranger.flush()
    t.equal(await client.call(['echo', 'still here']), 'still here')
    await nc.flush()
    t.strictSame(codes, [isKept ? '' : '400'])
  })

t.test('it does not keep as many as a message can have', { timeout: 20_000 }, async t => {
  codes = []
  await send(MANY)
  t.equal(await client.call(['echo', 'still here']), 'still here')
  await nc.flush()
  t.equal(codes.filter(code => code === '400').length, 1, 'the request is refused')
})
