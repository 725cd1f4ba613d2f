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
/** Of 127.0.0.1, and of no name. */
const ADDRESS_CERT = fileURLToPath(fixture('tls/address-cert.pem'))
const ADDRESS_KEY = fileURLToPath(fixture('tls/address-key.pem'))
const USER = 'authorization { user: alice, password: s3cret }'
const secure = (cert = CERT, key = KEY) => startServer(t, `tls { cert_file: "${cert}", key_file: "${key}" }\n${USER}`)

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

t.test('a server that is known by its address has to have a certificate of that', async t => {
  const server = await secure(ADDRESS_CERT, ADDRESS_KEY)
  for (const scheme of ['tls', 'nats']) {
    const servers = `${scheme}://alice:s3cret@127.0.0.1:${server.port}`
    const connection = { servers, tls: { ca: readFileSync(ADDRESS_CERT, 'utf8') } }
    const executor = newExecutor(t, server, { connection })
    const connectedAgain = new Promise(resolve =>
      executor.on('warning', text => text === 'connected again' && resolve(text)),
    )
    await executor.start()
    const client = newClient(t, server, { connection })
    t.equal(await client.call(['echo', 1]), 1)
    await server.kill()
    await server.start()
    t.equal(await connectedAgain, 'connected again')
    t.equal(await client.call(['echo', 2]), 2)
    const env = { NODE_EXTRA_CA_CERTS: ADDRESS_CERT }
    const command = run(t, 'client', ['--servers', servers, '--service', 'acts', '["echo",3]'], env)
    t.equal(await command.exit, 0, scheme)
    await executor.stop()
  }
  const connection = { servers: `tls://localhost:${server.port}`, tls: { ca: readFileSync(ADDRESS_CERT, 'utf8') } }
  const error = await rejection(newClient(t, server, { connection }).call(1))
  t.match(error, { name: 'ConnectionError', message: /localhost/ })
})

for (const scheme of ['tls', 'nats'])
  t.test(`whoever has a certificate of "localhost" is not taken for a server elsewhere: ${scheme}`, async t => {
    const server = await secure()
    const servers = `${scheme}://alice:s3cret@127.0.0.1:${server.port}`
    const connection = { servers, tls: { ca: readFileSync(CERT, 'utf8') } }
    const message = /IP: 127.0.0.1 is not in the cert's list/
    t.match(await rejection(newExecutor(t, server, { connection }).start()), { message })
    t.match(await rejection(newClient(t, server, { connection }).call(1)), { name: 'ConnectionError', message })
    const command = run(t, 'client', ['--servers', servers, '["echo",2]'], { NODE_EXTRA_CA_CERTS: CERT })
    t.equal(await command.exit, 1)
    t.match(command.output, message)
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
