// tls:// is TLS or nothing: no credentials reach a server in plain text.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fixture, newClient, newExecutor, rejection } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { INFO, startPeer } from './fixtures/peer.js'
import { run } from './fixtures/processes.js'

const CERT = fileURLToPath(fixture('tls/cert.pem'))
const KEY = fileURLToPath(fixture('tls/key.pem'))
const USER = 'authorization { user: alice, password: s3cret }'
const secure = () => startServer(t, `tls { cert_file: "${CERT}", key_file: "${KEY}" }\n${USER}`)

t.test('a server with TLS', async t => {
  const server = await secure()
  const servers = `tls://alice:s3cret@localhost:${server.port}`
  const connection = { servers, tls: { ca: readFileSync(CERT, 'utf8') } }
  const executor = newExecutor(t, server, { connection })
  await executor.start()
  t.equal(await newClient(t, server, { connection }).call(['echo', 1]), 1)

  const env = { NODE_EXTRA_CA_CERTS: CERT }
  const command = run(t, 'client', ['--servers', servers, '--service', 'acts', '["echo",2]'], env)
  t.equal(await command.exit, 0)
  t.strictSame(command.stdout, ['2'])
})

t.test('a certificate that is not trusted', async t => {
  const server = await secure()
  const connection = `tls://alice:s3cret@localhost:${server.port}`
  const error = await rejection(newExecutor(t, server, { connection }).start())
  t.match(error.message, /self.signed/)
})

for (const urls of ['tls://alice:s3cret@HOST', 'nats://alice:s3cret@HOST,tls://HOST'])
  t.test(`a server without TLS hears nothing: ${urls}`, async t => {
    let heard = ''
    const peer = await startPeer(t, socket => {
      socket.on('data', data => (heard += String(data)))
      socket.write(INFO)
    })
    const connection = urls.replaceAll('HOST', `127.0.0.1:${peer.port}`)
    const message = /the server does not offer tls/
    t.match(await rejection(newExecutor(t, peer as never, { connection }).start()), { message })
    t.match(await rejection(newClient(t, peer as never, { connection }).call(1)), { name: 'ConnectionError', message })
    for (const name of ['executor', 'client'] as const) {
      const command = run(t, name, name === 'client' ? ['30'] : [], { NATS_URL: connection })
      t.equal(await command.exit, 1)
      t.match(command.output, message)
    }
    t.equal(heard, '')
  })
