// Why there is no connection is said at the start, by a server that asks for certificates as by one that knows other users; what trying
// again would not change ends a command.
import { fileURLToPath } from 'node:url'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Operator, nkeyUser } from './fixtures/jwt.js'
import { fixture, newClient, newExecutor, rejection, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { startPeer } from './fixtures/peer.js'
import { run } from './fixtures/processes.js'

t.jobs = 3

const tls = (name: string) => fileURLToPath(fixture(`tls/${name}.pem`))
const [CERT, KEY] = [tls('cert'), tls('key')]
const operator = new Operator()
const folder = t.testdir({
  'my.creds': operator.creds(),
  'expired.creds': operator.creds(1_700_000_000),
  'other.creds': new Operator().creds(),
  'other.nk': nkeyUser().seed,
})
const file = (name: string) => join(folder, name)

const TLS = `tls { cert_file: "${CERT}", key_file: "${KEY}" }`
const MTLS = TLS.replace('}', `, ca_file: "${CERT}", verify: true }`)
const EXPIRED = `tls { cert_file: "${tls('expired-cert')}", key_file: "${tls('expired-key')}" }`
const CA = ['--tls-ca', CERT]
const ADDRESS = ['--tls-cert', tls('address-cert'), '--tls-key', tls('address-key')]
const OLD = ['--tls-cert', tls('expired-cert'), '--tls-key', tls('expired-key')]
/** So that it says of a certificate what it has against it before TLS has begun. */
const OLD_TLS = { NODE_OPTIONS: '--tls-max-v1.2' }

const cases: [title: string, config: string, args: string[], text: RegExp, env?: object][] = [
  [
    'no client certificate',
    MTLS,
    CA,
    /the server wants a certificate of this client \(one is given with --tls-cert and/,
  ],
  ['that of a stranger', MTLS, [...CA, ...ADDRESS], /does not accept the certificate of this client: .* alert .*\w$/],
  ['one that has expired', MTLS, [...CA, ...OLD], /client: .* \(it has expired on Jan  1 00:00:00 2021 GMT\)$/],
  ['no client certificate, TLS 1.2', MTLS, CA, /a certificate of this client \(one is given with/, OLD_TLS],
  ['that of a stranger, TLS 1.2', MTLS, [...CA, ...ADDRESS], /does not accept the certificate of this client/, OLD_TLS],
  [
    'a server of an unknown authority',
    TLS,
    [],
    /server's certificate is not trusted: .* \(its authority is named by --tls-ca/,
  ],
  [
    'another authority',
    TLS,
    ['--tls-ca', tls('address-cert')],
    /not trusted: .* \(its authority is named by --tls-ca\)/,
  ],
  [
    'a server whose certificate has expired',
    EXPIRED,
    ['--tls-ca', tls('expired-cert')],
    /server's certificate has expired$/,
  ],
  ['a server without TLS', '', CA, /the server does not offer tls$/],
  ['one that does not begin with TLS', TLS, [...CA, '--tls-first'], /the server does not begin with TLS$/],
  [
    'no credentials',
    operator.config,
    [],
    /'Authorization Violation' \(credentials are given with --creds, --nkey or --context/,
  ],
  ['those of a stranger', operator.config, ['--creds', file('other.creds')], /'Authorization Violation'$/],
  [
    'expired ones',
    operator.config,
    ['--creds', file('expired.creds')],
    /\(its JWT has expired on Tue, 14 Nov 2023 22:13:20 GMT\)$/,
  ],
  ['a wrong key', 'authorization { user: a, password: b }', ['--nkey', file('other.nk')], /'Authorization Violation'$/],
]
for (const [title, config, args, text, env = {}] of cases)
  t.test(title, async t => {
    const server = await startServer(t, config)
    const servers = server.url.replace('127.0.0.1', 'localhost')
    for (const name of ['executor', 'client', 'status'] as const) {
      // `run` has no options of Node for commands.
      const command = run(
        t,
        name,
        ['--servers', servers, ...args, ...(name === 'client' ? ['30', '31'] : [])],
        env as never,
      )
      t.equal(await command.exit, 1, command.output)
      const lines = command.stderr.filter(line => !line.startsWith(' [x] Requesting'))
      t.equal(lines.length, 1, command.output)
      t.match(lines[0], text)
      t.match(lines[0], `${name}: ${servers} refuses the connection: `)
      t.notMatch(command.output, /SU[A-Z2-7]{20}/)
    }
  })

t.test('a call, and an executor in a program', async t => {
  const server = await startServer(t, MTLS)
  const connection = { servers: server.url.replace('127.0.0.1', 'localhost'), tls: { caFile: CERT } }
  const message = /the server wants a certificate of this client/
  t.match(await rejection(newClient(t, server, { connection }).call(1)), { name: 'ConnectionError', message })
  t.match(await rejection(newExecutor(t, server, { connection }).start()), { name: 'ConnectionError', message })
})

t.test('one of several servers that would refuse is no reason to end', async t => {
  const [refuses, other] = [await startServer(t, MTLS), await startServer(t, TLS)]
  const servers = [refuses, other].map(({ port }) => `tls://localhost:${port}`)
  const connection = { servers, tls: { ca: readFileSync(CERT, 'utf8') }, noRandomize: true }
  await startExecutor(t, other, { connection })
  t.equal(await newClient(t, other, { connection }).call(['echo', 1]), 1)
})

t.test('a server that waits for TLS to begin, as one since 2.10 may', async t => {
  const peer = await startPeer(t, socket => {
    socket.once('data', data => {
      // A fatal alert: no certificate is needed to see that it is TLS.
      if (data[0] === 22) socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 40]))
    })
  })
  for (const name of ['executor', 'client', 'status'] as const) {
    const command = run(t, name, ['--servers', peer.url, ...(name === 'client' ? ['30'] : [])])
    t.equal(await command.exit, 1)
    t.match(command.output, /the server begins with TLS \(try --tls-first\)/)
  }
})

t.test('a server that is slow to answer is waited for', async t => {
  const server = await startServer(t, MTLS)
  const connection = { servers: `tls://localhost:${server.port}`, tls: { caFile: CERT, certFile: CERT, keyFile: KEY } }
  server.signal('SIGSTOP')
  const executor = newExecutor(t, server, { connection })
  const warned = once(executor, 'warning')
  const starting = executor.start()
  t.match(await warned, [/no nats-server yet at/])
  server.signal('SIGCONT')
  await starting
  t.equal(await newClient(t, server, { connection }).call(['echo', 1]), 1)
})
