// What ends a computation ends it at once, whatever it does, and with it all that it has started.
import t, { type Test } from 'tap'
import { descendants, startExecutors, survivors } from './fixtures/executors.js'
import { newClient, rejection } from './fixtures/library.js'
import { type Server, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const TRIES = Number(process.env.TRIES ?? 3)

const quantiles = (times: number[]) => {
  const rounded = times.map(Math.round)
  return `${rounded.join(', ')} ms`
}

for (const act of ['loop', 'execSync', 'pbkdf2', 'ignores'])
  t.test(`cancelling ${act} frees its slot`, async t => {
    const { journal } = await startExecutors(t, server, 1)
    const client = newClient(t, server, { service: 'poison' })
    const times = []
    for (let i = 1; i <= TRIES; i++) {
      const controller = new AbortController()
      const call = rejection(client.call([act, 60_000], { signal: controller.signal }))
      await journal.started(act, i)
      const next = client.call(['echo', i])
      const at = performance.now()
      controller.abort()
      t.match(await call, { name: 'CancelledError' })
      t.equal(await next, i)
      times.push(performance.now() - at)
    }
    t.comment(`${act}: ${quantiles(times)}`)
    t.ok(Math.max(...times) < 3000)
  })

for (const act of ['loop', 'execSync', 'pbkdf2', 'ignores'])
  t.test(`the time limit frees the slot of ${act}`, async t => {
    const { journal } = await startExecutors(t, server, 1, ['--time-limit', '0.5'])
    const client = newClient(t, server, { service: 'poison' })
    const times = []
    for (let i = 1; i <= TRIES; i++) {
      const call = rejection(client.call([act, 60_000]))
      await journal.started(act, i)
      const at = performance.now() + 500
      const next = client.call(['echo', i])
      t.match(await call, { name: 'DeadlineExceededError' })
      t.equal(await next, i)
      times.push(performance.now() - at)
    }
    t.comment(`${act}: ${quantiles(times)}`)
    t.ok(Math.max(...times) < 3000)
  })

/** An executor that computes something for long, and all processes that it has. */
async function busy(t: Test, on: Server, act: string, flags: string[] = []) {
  const { executors, journal } = await startExecutors(t, on, 1, flags)
  const executor = executors[0]!
  const client = newClient(t, on, { service: 'poison' })
  const call = rejection(client.call([act, 300_000]))
  await journal.started(act)
  if (act === 'execSync') while (descendants(executor.pid).length < 3);
  const pids = descendants(executor.pid)
  t.ok(pids.length >= 2)
  return { executor, client, call, pids }
}

for (const signal of ['SIGTERM', 'SIGHUP'] as const)
  for (const act of ['loop', 'execSync'])
    t.test(`${signal} during ${act}`, async t => {
      const { executor, pids } = await busy(t, server, act, ['--drain-timeout', '2'])
      const at = performance.now()
      executor.kill(signal)
      await executor.line(/"stopping"/)
      t.equal(await executor.exit, 0)
      const tookMs = performance.now() - at
      t.comment(`${tookMs.toFixed(0)} ms`)
      t.ok(tookMs > 1900 && tookMs < 5000, `${tookMs} ms`)
      t.strictSame(await survivors(pids), [])
    })

for (const isFrozen of [false, true])
  for (const act of ['loop', 'execSync', 'ignores'])
    t.test(`two signals during ${act}${isFrozen ? ' with a frozen server' : ''}`, async t => {
      const own = await startServer(t)
      const { executor, pids } = await busy(t, own, act)
      if (isFrozen) own.signal('SIGSTOP')
      executor.kill('SIGTERM')
      await executor.line(/"stopping"/)
      const at = performance.now()
      executor.kill('SIGTERM')
      t.equal(await executor.exit, 143)
      const tookMs = performance.now() - at
      t.comment(`${tookMs.toFixed(0)} ms`)
      t.ok(tookMs < 2000, `${tookMs} ms`)
      t.strictSame(await survivors(pids), [])
      own.signal('SIGCONT')
    })

for (const act of ['loop', 'execSync', 'ignores'])
  t.test(`an executor that is killed during ${act} leaves no process`, async t => {
    const { executor, pids } = await busy(t, server, act)
    const at = performance.now()
    executor.kill('SIGKILL')
    t.equal(await executor.exit, 'SIGKILL')
    t.strictSame(await survivors(pids), [])
    t.comment(`${(performance.now() - at).toFixed(0)} ms`)
  })

t.test('a function that kills its executor again and again', async t => {
  const client = newClient(t, server, { service: 'poison' })
  // Not before it has told that it is ready.
  const call = rejection(client.call(['killAgent', 300]))
  for (let deaths = 0; deaths < 3; deaths++) {
    const { executors } = await startExecutors(t, server, 1)
    const pids = descendants(executors[0]!.pid)
    t.equal(await executors[0]!.exit, 'SIGKILL')
    t.strictSame(await survivors(pids), [])
  }
  t.match(await call, { name: 'ExecutorDiedError', losses: 3 })
})
