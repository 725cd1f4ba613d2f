// A server that comes back and does not take the credentials any more ends an executor, whatever it holds.
import t from 'tap'
import { newClient } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

t.test('cmd/executor at work whose credentials are not taken any more', async t => {
  const server = await startServer(t)
  const executor = run(t, 'executor', ['--servers', `nats://someone:secret@127.0.0.1:${server.port}`])
  await executor.line(/Awaiting/)
  const client = newClient(t, server, { service: 'fibonacci' })
  const calls = [60, 30].map(n => client.call(n).catch(() => {}))
  await executor.line(/calling/)
  await server.kill()
  server.args.push('--user', 'someone', '--pass', 'another')
  await server.start()
  t.equal(await executor.exit, 1)
  t.match(executor.stderr.at(-1), /^executor: the connection is closed: /)
  t.notMatch(executor.output, /\n +at /, 'no stack')
  await client.close()
  await Promise.all(calls)
})
