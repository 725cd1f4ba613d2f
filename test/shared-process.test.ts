// Functions that wait share a process: fewer processes than slots.
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { descendants, startExecutors } from './fixtures/executors.js'
import { newClient, newExecutor, rejection, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const FLAGS = ['--concurrency', '200', '--processes', '2']

t.test('200 wait at the same time in two processes', async t => {
  const { executors, journal } = await startExecutors(t, server, 1, FLAGS)
  t.equal(slotsOf(executors[0]!.pid), 2)
  const client = newClient(t, server, { service: 'poison' })
  await client.call(['echo', 1])
  const at = performance.now()
  const calls = Array.from({ length: 200 }, () => client.call(['wait', 1000]))
  await journal.started('wait', 200)
  t.equal((await statistics(await connectTo(t, server), 'poison')).computing, 200)
  await Promise.all(calls)
  const tookMs = performance.now() - at
  t.comment(`${tookMs.toFixed(0)} ms`)
  t.ok(tookMs < 1900, 'not one after the other')
  const pids = journal.entries.filter(({ what }) => what === 'wait').map(({ pid }) => pid)
  t.equal(new Set(pids).size, 2)
})

t.test('one of many is cancelled', async t => {
  const { executors, journal } = await startExecutors(t, server, 1, FLAGS)
  const client = newClient(t, server, { service: 'poison' })
  for (const act of ['wait', 'ignores']) {
    const others = Array.from({ length: 100 }, () => client.call([act, 1000]))
    const controller = new AbortController()
    const call = rejection(client.call([act, 60_000], { signal: controller.signal }))
    await journal.started(act, 101)
    // Longer than it takes until it can be cancelled.
    await client.call(['wait', 200])
    controller.abort()
    t.match(await call, { name: 'CancelledError' })
    await executors[0]!.line(/"failed".*499/, act === 'wait' ? 1 : 2)
    t.strictSame(await Promise.all(others), Array(100).fill(1000), `${act}: the others go on`)
    t.equal(await client.call(['echo', act]), act)
  }
  const ids = journal.entries.map(({ id }) => id)
  t.equal(new Set(ids).size, ids.length, 'each was computed once')
})

t.test('one of many is cancelled while another one keeps their process busy', async t => {
  const executor = await startExecutor(t, server, { concurrency: 20, processes: 1 })
  const failed: number[] = []
  executor.on('failed', ({ code }) => failed.push(code))
  const client = newClient(t, server)
  const others = Array.from({ length: 10 }, () => client.call(['sleep', 700]))
  const controller = new AbortController()
  const call = rejection(client.call(['sleep', 60_000], { signal: controller.signal }))
  // Longer than it takes until it can be cancelled.
  await client.call(['sleep', 200])
  executor.on('started', ({ argument }) => argument.includes('spin') && controller.abort())
  t.equal(await client.call(['spin', 100]), 100)
  t.match(await call, { name: 'CancelledError' })
  t.strictSame(await Promise.all(others), Array(10).fill(700))
  t.strictSame(failed, [499], 'nobody was interrupted')
})

t.test('one of two processes ends', async t => {
  const { executors, journal } = await startExecutors(t, server, 1, FLAGS)
  const client = newClient(t, server, { service: 'poison' })
  const calls = Array.from({ length: 100 }, () =>
    client.call(['wait', 1000]).then(
      () => 'answered',
      error => `${error.code} ${error.name} ${error.message}`,
    ),
  )
  await journal.started('wait', 100)
  const error = await rejection(client.call(['kill']))
  t.match(error, { name: 'ExecutionError', message: /ended by SIGKILL, while \d+ requests ran in it/ })
  const texts = await Promise.all(calls)
  const failed = texts.filter(text => text !== 'answered')
  t.comment(`${failed.length} failed: ${failed[0]}`)
  t.ok(failed.length > 0 && failed.length < 100, 'those in the other process do not notice')
  t.equal(await client.call(['echo', 'next']), 'next')
  t.ok(executors[0]!.isRunning)
})

t.test('the process exits: only the one that called it fails', async t => {
  const { executors, journal } = await startExecutors(t, server, 1, FLAGS)
  const client = newClient(t, server, { service: 'poison' })
  const calls = Array.from({ length: 100 }, () => client.call(['wait', 300]))
  await journal.started('wait', 100)
  t.match(await rejection(client.call(['exit', 4])), { name: 'ExecutionError', message: /exit code 4/ })
  t.match(await rejection(client.call(['throwsLater', 'oh'])), { name: 'ExecutionError', message: 'oh' })
  t.strictSame(await Promise.all(calls), Array(100).fill(300))
  await executors[0]!.line(/left an exception unhandled: oh \(of request /)
})

t.test('those in a process that is blocked are computed elsewhere', async t => {
  const { journal } = await startExecutors(t, server, 1, [...FLAGS, '--time-limit', '1'])
  const client = newClient(t, server, { service: 'poison' })
  for (const name of ['DeadlineExceededError', 'CancelledError']) {
    const controller = new AbortController()
    const loop = rejection(client.call(['loop'], { signal: controller.signal }))
    await journal.started('loop', name === 'CancelledError' ? 2 : 1)
    // They are far from their own limit when that of the other one is over.
    await setTimeout(500)
    const calls = Array.from({ length: 50 }, () => client.call(['wait', 100]).catch(error => error.name))
    await setTimeout(100)
    if (name === 'CancelledError') controller.abort()
    t.match(await loop, { name })
    t.strictSame(await Promise.all(calls), Array(50).fill(100))
  }
})

t.test('those that are over are answered while another one blocks their process', async t => {
  const { journal } = await startExecutors(t, server, 1, ['--concurrency', '8', '--processes', '1'])
  const client = newClient(t, server, { service: 'poison', timeout: 5000 })
  await client.call(['echo', 0])
  const controller = new AbortController()
  const values = [1, 2, 3, 4, 5]
  const calls = values.map(value => client.call(['echo', value]).catch(error => error.name))
  const loop = rejection(client.call(['loop'], { signal: controller.signal, timeout: 20_000 }))
  await journal.started('loop')
  t.strictSame(await Promise.all(calls), values)
  controller.abort()
  t.match(await loop, { name: 'CancelledError' })
})

const slotsOf = (pid: number) => descendants(pid).length - 1

t.test('what a module puts in the place of what Node has is not ours', async t => {
  // As fake timers do, and what replaces the file system.
  const source = `import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    import timers from 'node:timers'
    globalThis.setImmediate = globalThis.setTimeout = timers.setImmediate = timers.setTimeout = () => 0
    fs.readSync = fs.writeSync = () => 0
    syncBuiltinESMExports()
    process.exit = () => { throw new Error('it was called') }
    export default ms => { for (const from = performance.now(); performance.now() - from < ms;); return 'done' }`
  const module = `data:text/javascript,${encodeURIComponent(source)}`
  const executor = newExecutor(t, server, { module, service: 'fakes', concurrency: 100, processes: 1 })
  const warnings: string[] = []
  executor.on('warning', text => warnings.push(text))
  await executor.start()
  const client = newClient(t, server, { service: 'fakes' })
  // More at once than are computed in one turn of the event loop.
  const calls = Array.from({ length: 40 }, () => client.call(3, { timeout: 10_000 }))
  t.strictSame(new Set(await Promise.all(calls)), new Set(['done']))
  await executor.stop()
  t.strictSame(warnings, [])
})
