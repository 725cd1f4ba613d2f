// `cmd/client` says whom it waits for when that takes a while; a program learns it from its client.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

t.test('no server, no executor, and again', async t => {
  const server = await startServer(t)
  await server.kill()
  const client = run(t, 'client', ['--servers', server.url, '30'])
  const noServer = ` [x] Waiting: no nats-server at ${server.url}: start one with "nats-server -c nats-server.conf"`
  const noExecutor = ' [x] Waiting: no executor on fibonacci: start one with "./cmd/executor"'
  await client.line(/Waiting: no nats-server/)
  await server.start()
  await client.line(/Waiting: no executor/)
  await server.kill()
  await client.line(/Waiting: no nats-server/, 2)
  await server.start()
  await client.line(/Waiting: no executor/, 2)
  await startExecutor(t, server, { module: undefined, service: 'fibonacci' })
  t.equal(await client.exit, 0)
  t.strictSame(client.stdout, ['832040'])
  t.strictSame(
    client.stderr.filter(line => line !== ' [x] Waiting for the answer'),
    [' [x] Requesting fibonacci(30)', noServer, noExecutor, noServer, noExecutor],
  )
})

t.test('what is computed for long needs no word, once it is known', async t => {
  const server = await startServer(t)
  const args = ['--servers', server.url, '--service', 'acts', '["sleep",3000]']
  const [late, early] = [run(t, 'client', args), run(t, 'client', ['--json', ...args])]
  await late.line(/Waiting: no executor on acts: start one with ".\/cmd\/executor <module> --service acts"/)
  await startExecutor(t, server, { concurrency: 3 })
  const calm = run(t, 'client', args)
  await late.line(/Waiting for the answer/)
  for (const client of [late, early, calm]) t.equal(await client.exit, 0)
  for (const client of [early, calm]) t.strictSame(client.stderr, [' [x] Requesting acts(["sleep",3000])'])
})

t.test('client.missing', async t => {
  const server = await startServer(t)
  const client = newClient(t, server)
  const becomes = async (missing: string | undefined) => {
    while (client.missing !== missing) await sleep(5)
  }
  t.equal(client.missing, undefined, 'nobody calls')
  const lost = rejection(client.call(1))
  t.equal(client.missing, undefined, 'nothing is known')
  await becomes('no executor on acts')
  await server.kill()
  await becomes(`no nats-server at ${server.url}`)
  await server.start()
  await becomes('no executor on acts')
  const executor = await startExecutor(t, server)
  const held = client.call(['sleep', 1e6], { retries: 0 })
  await becomes(undefined)
  await executor.stopNow()
  await lost
  await rejection(held)
  t.equal(client.missing, undefined, 'nobody calls any more')
})
