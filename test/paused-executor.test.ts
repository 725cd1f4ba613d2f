// An executor that stands still for a while, as a machine does that is asleep, keeps nobody from getting an answer.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { newClient } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

t.test('each call is answered once, by another or after the pause', async t => {
  const server = await startServer(t)
  const flags = ['--servers', server.url, '--service', 'sleep', 'dist/lib/functions/sleep.js']
  const executors = Array.from({ length: 4 }, () => run(t, 'executor', flags))
  await Promise.all(executors.map(executor => executor.line(/Awaiting/)))
  const client = newClient(t, server, { service: 'sleep' })
  const durations = Array.from({ length: 40 }, (_, i) => 80 + i)
  const calls = Promise.all(durations.map(ms => client.call(ms)))
  const paused = executors[0]!
  // It has answered one, computes the next and has more that wait.
  await paused.line(/calling/, 2)
  paused.kill('SIGSTOP')
  await sleep(2000)
  paused.kill('SIGCONT')
  t.strictSame(await calls, durations)
})

t.test('a request that lies unread before one again and again has killed nobody', async t => {
  const server = await startServer(t)
  const executor = run(t, 'executor', ['--servers', server.url, '--service', 'sleep', 'dist/lib/functions/sleep.js'])
  await executor.line(/Awaiting/)
  const client = newClient(t, server, { service: 'sleep' })
  t.equal(await client.call(1), 1)
  const nc = await connectTo(t, server)
  let sent = 0
  const often = new Promise<void>(resolve => nc.subscribe('sleep', { callback: () => ++sent === 5 && resolve() }))
  await nc.flush()
  executor.kill('SIGSTOP')
  const call = client.call(2)
  await Promise.race([often, call])
  executor.kill('SIGCONT')
  t.equal(await call, 2)
})
