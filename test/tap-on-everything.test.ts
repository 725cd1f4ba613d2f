// Where somebody listens to everything, as a person who looks what goes on, the server never says that nobody is there.
import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
const watcher = await connectTo(t, server)
watcher.subscribe('>', { callback: () => {} })
await watcher.flush()

t.test('a client knows all the same that no executor is there, until one is', async t => {
  const client = newClient(t, server)
  const becomes = async (missing: string | undefined) => {
    while (client.missing !== missing) await sleep(5)
  }
  const called = client.call(['echo', 1])
  await becomes('no executor on acts')
  t.match(await rejection(client.call(1, { timeout: 2500 })), { name: 'NoExecutorsError', code: 503 })
  const executor = await startExecutor(t, server)
  t.equal(await called, 1)
  const held = client.call(['sleep', 1e6])
  held.catch(() => {})
  await sleep(1000)
  t.equal(client.missing, undefined)
  await executor.stopNow()
  await becomes('no executor on acts')
  await startExecutor(t, server)
  await becomes(undefined)
})

t.test('a call that may be lost but once waits for an executor', async t => {
  const attempts = new EventEmitter()
  let count = 0
  watcher.subscribe('rare', { callback: () => attempts.emit(String(++count)) })
  await watcher.flush()
  const called = newClient(t, server, { service: 'rare' }).call(['echo', 1], { retries: 1 })
  await Promise.race([once(attempts, '3'), called])
  await startExecutor(t, server, { service: 'rare' })
  t.equal(await called, 1)
})

t.test('who takes a request without a word is no executor that is missing', async t => {
  const other = await startServer(t)
  const nc = await connectTo(t, other)
  nc.subscribe('silent')
  await nc.flush()
  const client = newClient(t, other, { service: 'silent' })
  t.match(await rejection(client.call(1, { timeout: 2500 })), { name: 'TimeoutError', code: 408 })
})

t.test('the command says so', async t => {
  const client = run(t, 'client', ['--servers', server.url, '--service', 'nope', '--timeout', '6', '30'])
  const noExecutor = 'no executor on nope: start one with "./cmd/executor <module> --service nope"'
  t.equal(await client.exit, 3)
  t.strictSame(client.stderr, [' [x] Requesting nope(30)', ` [x] Waiting: ${noExecutor}`, `client: ${noExecutor}`])
})
