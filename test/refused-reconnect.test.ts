// A server that comes back and does not take the credentials any more ends an executor, whatever it holds; and whoever is shut out
// is told why.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ExecutorClient } from 'nats-executor'
import t from 'tap'
import { Operator } from './fixtures/jwt.js'
import { newClient } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

t.test('cmd/executor at work whose credentials are not taken any more', async t => {
  const server = await startServer(t)
  const executor = run(t, 'executor', ['--servers', `nats://someone:secret@127.0.0.1:${server.port}`])
  await executor.line(/Awaiting/)
  const client = newClient(t, server, { service: 'fibonacci' })
  const calls = [60, 30].map(n => client.call(n).catch((error: Error) => error))
  await executor.line(/calling/)
  await server.kill()
  server.args.push('--user', 'someone', '--pass', 'another')
  await server.start()
  t.equal(await executor.exit, 1)
  t.match(executor.stderr.at(-1), /^executor: the connection is closed: /)
  t.notMatch(executor.output, /\n +at /, 'no stack')
  const [error] = await Promise.all(calls)
  t.match(error, { name: 'ConnectionError', message: "the connection was closed: 'Authorization Violation'" })
  await client.close()
})

t.test('commands at work whose JWTs expire', async t => {
  const operator = new Operator()
  const server = await startServer(t, operator.config)
  const seconds = () => Math.ceil(Date.now() / 1000)
  const dir = t.testdir({ 'executor.creds': operator.creds(), 'client.creds': operator.creds(seconds() + 4) })
  const args = (name: string) => ['--servers', server.url, '--creds', `${dir}/${name}.creds`]
  const executor = run(t, 'executor', args('executor'))
  const client = run(t, 'client', [...args('client'), '60'])
  t.equal(await client.exit, 1)
  const expired = /\(its JWT has expired on /
  t.match(client.stderr.at(-1), expired)
  t.match(client.stderr.at(-1), /^client: the connection was closed: /)
  executor.kill()

  writeFileSync(`${dir}/executor.creds`, operator.creds(seconds() + 4))
  const another = run(t, 'executor', args('executor'))
  t.equal(await another.exit, 1)
  t.match(another.stderr.at(-1), expired)
})

t.test('who was shut out once, and taken back, is not told so when the server is gone', async t => {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {}).on('data', data => void (/PING/.test(String(data)) && socket.write('PONG\r\n')))
    socket.write('INFO {"server_id":"x","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576}\r\n')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const connection = { servers: `127.0.0.1:${port}`, maxReconnectAttempts: 1 }
  const client = new ExecutorClient({ connection, service: 'x' })
  t.teardown(() => client.close())
  const failure = client.call().catch((error: Error) => error)
  await once(server, 'connection')
  await once(sockets[0]!, 'data')
  await once(sockets[0]!, 'data')
  sockets[0]!.end("-ERR 'User Authentication Expired'\r\n")
  await once(server, 'connection')
  // What is lost sooner after that may be lost because of it.
  await sleep(1500)
  server.close()
  for (const socket of sockets) socket.destroy()
  t.match(await failure, { name: 'ConnectionError', message: /^the connection was closed: CONNECTION_REFUSED$/ })
})
