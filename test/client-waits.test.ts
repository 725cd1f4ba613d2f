// `cmd/client` may be started before everybody else.
import t from 'tap'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

t.test('before any executor', async t => {
  const server = await startServer(t)
  const client = run(t, 'client', ['--servers', server.url, '30'])
  await client.line(/Requesting/)
  while ((await server.connections()).length === 0);
  const executor = run(t, 'executor', ['--servers', server.url])
  t.equal(await client.exit, 0)
  t.strictSame(client.stdout, ['832040'])
  await executor.line(/response: 832040/)
})

t.test('before any server', async t => {
  const server = await startServer(t)
  await server.kill()
  const executor = run(t, 'executor', ['--servers', server.url])
  const client = run(t, 'client', ['--servers', server.url, '30'])
  await client.line(/Requesting/)
  await executor.line(/no nats-server yet/)
  await server.start()
  t.equal(await client.exit, 0)
  t.strictSame(client.stdout, ['832040'])
})
