// A connection that its owner drains or closes ends an executor, but not its process, and holds nothing up.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { newExecutor, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const RUNS = 8
const LONGEST_MS = 10_000
/** Rejects when something takes too long. */
async function soon(work: Promise<unknown>, what: string) {
  const late = new AbortController()
  const isLate = sleep(LONGEST_MS, 'late', { signal: late.signal }).catch(() => {})
  if ((await Promise.race([work, isLate])) === 'late') throw new Error(`${what} takes more than ${LONGEST_MS} ms`)
  late.abort()
}

const FAULTS = ['uncaughtException', 'unhandledRejection', 'warning']

for (const end of ['drain', 'close', 'drain slowly'] as const)
  t.test(end, async t => {
    const server = await startServer(t)
    const others = await connectTo(t, server)
    const faults: unknown[] = []
    const note = (error: unknown) => void faults.push(error)
    for (const event of FAULTS) process.on(event, note)
    t.teardown(() => FAULTS.forEach(event => process.off(event, note)))
    // It offers what waits, and asks.
    await startExecutor(t, server)
    const acts = ['sleep', 'spin', 'echo']
    const send = (i: number) =>
      others.request('acts', JSON.stringify([acts[i % 3], i % 25]), { timeout: 30_000 }).catch(() => {})
    for (let run = 0; run < RUNS; run++) {
      const connection = await connectTo(t, server)
      const executor = newExecutor(t, server, { connection, drainTimeout: 60_000 })
      await soon(executor.start(), 'start')
      const started = once(executor, 'started')
      for (let i = 0; i < 40; i++) void send(i)
      await soon(started, 'a computation')
      // Sooner or later in the middle of it.
      await sleep(5 * run)
      if (end === 'drain slowly') server.signal('SIGSTOP')
      const from = performance.now()
      const ending = end === 'close' ? connection.close() : connection.drain()
      if (end === 'drain slowly') {
        // What is sent now comes to a connection that drains.
        for (let i = 0; i < 40; i++) void send(i)
        await sleep(100)
        server.signal('SIGCONT')
      }
      await soon(ending, `${end} of the connection`)
      await soon(executor.closed, 'closed')
      await soon(executor.stop(), 'stop')
      t.pass(`run ${run}: ${Math.round(performance.now() - from)} ms`)
      t.match(await executor.closed, { message: /closed/ })
    }
    const { data } = await others.request('acts', '["echo",1]', { timeout: 20_000 })
    t.equal(Buffer.from(data).toString(), '1', 'the other one has not suffered')
    t.strictSame(faults, [])
  })
