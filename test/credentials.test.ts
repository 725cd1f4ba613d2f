// Credentials in URLs, wherever URLs are taken: they are used, and never said.
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { newClient, newExecutor, rejection } from './fixtures/library.js'
import { type Server, startServer } from './fixtures/nats-server.js'
import { startPeer } from './fixtures/peer.js'
import { run } from './fixtures/processes.js'

/** In a configuration a password is a JSON text, and in a URL it may be percent-encoded. */
const users = (user: string, pass: string) => `authorization { user: ${user}, password: ${JSON.stringify(pass)} }`

const cases: [title: string, config: string, userInfo: string][] = [
  ['a password that looks like a port', users('alice', '12345'), 'alice:12345'],
  ['a password with a slash', users('alice', 's3/cret'), 'alice:s3/cret'],
  ['special characters', users('alice', 's3:@?#[ ]\\%,é'), 'alice:s3:@?#[ ]\\%25%2Cé'],
  ['percent-encoded', users('alice', 's3/:@?#%,é'), `alice:${encodeURIComponent('s3/:@?#%,é')}`],
  ['a user that is percent-encoded', users('"a:b"', 's3cret'), 'a%3Ab:s3cret'],
  ['a token', 'authorization { token: "s3cret" }', 's3cret'],
]

/** Everything that can be seen of an error. */
const allOf = (error: unknown) => inspect(error, { depth: 10, showHidden: true })

async function connects(t: Test, server: Server, connection: string | string[] | { servers: string | string[] }) {
  const executor = newExecutor(t, server, { connection })
  await executor.start()
  const client = newClient(t, server, { connection })
  t.equal(await client.call(['echo', 1]), 1)
  await Promise.all([client.close(), executor.stop()])
}

for (const [title, config, userInfo] of cases)
  t.test(title, async t => {
    const server = await startServer(t, config)
    const { port } = server
    const url = `nats://${userInfo}@127.0.0.1:${port}`
    await connects(t, server, url)
    await connects(t, server, { servers: `nats://127.0.0.1:1, ${url}` })
    await connects(t, server, [url, url.replace('nats://', '')])

    const executor = run(t, 'executor', ['--servers', url])
    await executor.line(/Awaiting/)
    const clients = [
      run(t, 'client', ['--servers', url, '30']),
      run(t, 'client', ['30'], { NATS_URL: `${url},nats://127.0.0.1:1` }),
    ]
    for (const client of clients) {
      t.equal(await client.exit, 0)
      t.strictSame(client.stdout, ['832040'])
    }
  })

t.test('they are said nowhere', async t => {
  const server = await startServer(t, users('alice', 'other'))
  const gone = await startServer(t)
  await gone.kill()
  const silent = await startPeer(t)
  const closes = await startPeer(t, socket => void socket.end())
  for (const userInfo of ['alice:s3cret', 's3cret'])
    for (const { port, code } of [
      { port: server.port, code: 1 },
      { port: gone.port, code: 3 },
      { port: silent.port, code: 3 },
      { port: closes.port, code: 3 },
    ]) {
      const url = `nats://${userInfo}@127.0.0.1:${port}`
      const args = ['--servers', url, '--timeout', '1', '30']
      const executor = run(t, 'executor', ['--servers', url, '--log', 'json'])
      const commands = [run(t, 'client', args), run(t, 'client', ['--json', ...args])]
      for (const command of commands) {
        t.equal(await command.exit, code, command.output)
        t.notMatch(command.output, /s3cret/)
      }
      executor.kill('SIGTERM')
      await executor.exit
      t.notMatch(executor.output, /s3cret/)

      const client = newClient(t, server, { connection: url, timeout: 1000 })
      const error = await rejection(client.call(1))
      t.match(error.message, `nats://127.0.0.1:${port}`)
      t.notMatch(allOf(error), /s3cret/)
      t.notMatch(allOf(client), /s3cret/)
      await client.close()
    }
})

t.test('a call to a server that refuses them later', async t => {
  const server = await startServer(t)
  server.args.push('--user', 'alice', '--pass', 's3cret')
  await server.kill()
  await server.start()
  const client = newClient(t, server, { connection: server.url.replace('//', '//alice:s3cret@') })
  const call = rejection(client.call(['echo', 1]))
  while ((await server.connections()).length < 1);
  await server.kill()
  server.args.splice(-1, 1, 'another')
  await server.start()
  const error = await call
  t.match(error, { name: 'ConnectionError', cause: { code: 'AUTHORIZATION_VIOLATION' } })
  t.notMatch(allOf(error), /s3cret/)
})
