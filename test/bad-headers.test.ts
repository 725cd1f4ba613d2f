// Headers that no client library would send: nats.js fails on some of them.
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { newClient, startExecutor } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'

const MANY = 30_000
const HEADERS = ['garbage', 'NATS/1.0\r\nRequest Id: 1', 'NATS/1.0\r\n\u00ff: x', 'NATS/1.0\r\n: x', 'NATS/1.0 503', '']

/** Publishes with headers as they are, and waits until the server has them. */
async function publishRaw(server: Server, subject: string, reply: string, header: string, body: string) {
  const socket = connect(server.port, '127.0.0.1')
  const head = Buffer.from(`${header}\r\n\r\n`, 'latin1')
  socket.write('CONNECT {"headers":true,"verbose":false}\r\n')
  socket.write(`HPUB ${subject} ${reply} ${head.length} ${head.length + body.length}\r\n`)
  socket.write(Buffer.concat([head, Buffer.from(`${body}\r\nPING\r\n`)]))
  let said = ''
  while (!said.includes('PONG')) said += String((await once(socket, 'data'))[0])
  socket.destroy()
}

t.test('an executor does not read as many headers as a message can have', { timeout: 20_000 }, async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const codes: (string | undefined)[] = []
  nc.subscribe('replies', { callback: (_, { headers }) => void codes.push(headers?.get('Nats-Service-Error-Code')) })
  await nc.flush()
  // nats.js takes minutes for these.
  const header = ['NATS/1.0', ...Array.from({ length: MANY }, (_, i) => `${i.toString(36)}:`)].join('\r\n')
  for (const subject of ['$EXEC.idle.executors.acts', `$SRV.PING.acts.${executor.id}`, 'acts'])
    await publishRaw(server, subject, 'replies', header, '["echo",1]')
  t.equal((await nc.request('acts', '["echo",2]', { timeout: 20_000 })).string(), '2')
  t.equal(codes.filter(code => code === '400').length, 1, 'the request is refused')
})

t.test('an executor goes on', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  const nc = await connectTo(t, server)
  const codes: (string | undefined)[] = []
  nc.subscribe('replies', { callback: (_, { headers }) => void codes.push(headers?.get('Nats-Service-Error-Code')) })
  await nc.flush()
  for (const subject of ['acts', '$EXEC.idle.executors.acts', `$SRV.PING.acts.${executor.id}`])
    for (const header of HEADERS) await publishRaw(server, subject, 'replies', header, '["echo",1]')
  t.equal(await client.call(['echo', 'still here']), 'still here')
  await nc.flush()
  t.equal(codes.filter(code => code === '400').length, 2, 'those that cannot be read are refused')
})
