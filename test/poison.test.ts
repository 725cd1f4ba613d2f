// A request that harms its process costs itself an error and nobody else anything: not the executors, and not the requests that
// are computed, or wait, beside it. Those are computed once.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { type Journal, descendants, isAlive, startExecutors, survivors } from './fixtures/executors.js'
import { newClient, rejection } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const fifo = join(t.testdir({}), 'fifo')
execFileSync('mkfifo', [fifo])

/** As much as a slow machine may need for what takes 0.3 s. */
const SLACK_MS = 3000
const LIMIT = ['--time-limit', '1']

const cases: [act: unknown[], name: string, message: RegExp, flags?: string[]][] = [
  [['kill'], 'ExecutionError', /^the process of the function was ended by SIGKILL$/],
  [['abort'], 'ExecutionError', /^the process of the function was ended by SIGABRT$/],
  [['exit', 0], 'ExecutionError', /^the process of the function ended with exit code 0$/],
  [['array'], 'ExecutionError', /memory/],
  [['map'], 'ExecutionError', /memory/],
  [['fill'], 'ExecutionError', /memory/],
  [['buffers'], 'ExecutionError', /^the function used \d+ MiB of memory: the limit is 256 MiB$/],
  [['throwsLater', 'too late'], 'ExecutionError', /^too late$/],
  [['loop'], 'DeadlineExceededError', /time limit of 1000 ms/, LIMIT],
  [['execSync'], 'DeadlineExceededError', /time limit of 1000 ms/, LIMIT],
  [['pbkdf2'], 'DeadlineExceededError', /time limit of 1000 ms/, LIMIT],
  [['fifo', fifo], 'DeadlineExceededError', /time limit of 1000 ms/, LIMIT],
  [['parentPort'], 'ExecutionError', /postMessage/],
  [['send'], 'ExecutionError', /process.send is not a function/],
  [['writes', 'x'], 'ExecutionError', /^the function wrote to the pipe of its slot$/],
  [['writes', 'x'.repeat(100)], 'ExecutionError', /^the function wrote to the pipe of its slot$/],
  [['closes'], 'ExecutionError', /pipe|ended/],
]

for (const [act, name, message, flags = []] of cases)
  t.test(JSON.stringify(act).slice(0, 40), async t => {
    const { executors, journal } = await startExecutors(t, server, 4, ['--memory-limit', '256', ...flags])
    const client = newClient(t, server, { subject: 'poison' })
    const innocent = callInnocents(client)
    await journal.started('echo', 1000)
    const pids = executors.flatMap(({ pid }) => descendants(pid))

    const sentAt = performance.now()
    const error = await rejection(client.call(act))
    const tookMs = performance.now() - sentAt
    t.comment(`${tookMs.toFixed(0)} ms: ${error.name} ${error.message}`)
    t.match(error, { name, message })
    t.ok(tookMs < (flags === LIMIT ? 1000 : 0) + SLACK_MS, `${tookMs} ms`)

    const before = innocent.count
    while (innocent.count < before + 1000) await innocent.some()
    t.strictSame(await innocent.stop(), [])
    t.strictSame(computedTwice(journal), [])
    for (const { pid, output } of executors) t.ok(isAlive(pid), output)
    t.equal(await client.call(['echo', 'next']), 'next')

    for (const executor of executors) executor.kill('SIGTERM')
    for (const { exit } of executors) t.equal(await exit, 0)
    t.strictSame(await survivors(pids), [], 'no process is left')
  })

t.test('an exception of a request that was answered', async t => {
  const { executors, journal } = await startExecutors(t, server, 4)
  const client = newClient(t, server, { subject: 'poison' })
  const innocent = callInnocents(client)
  await journal.started('echo', 1000)
  for (let i = 0; i < 8; i++) t.equal(await client.call(['throwsWhenAnswered', [20 * i, `late ${i}`]]), 'answered')
  const warned = () => executors.flatMap(({ output }) => output.match(/unhandled: late \d/g) ?? [])
  while (warned().length < 8) await innocent.some()
  t.strictSame(await innocent.stop(), [])
  t.strictSame(computedTwice(journal), [])
  t.ok(executors.every(({ isRunning }) => isRunning))
})

/** Keeps many short calls under way until it is stopped. */
function callInnocents(client: ReturnType<typeof newClient>) {
  let isOver = false
  let count = 0
  const failed: string[] = []
  const one = async () => {
    while (!isOver) {
      const value = count++
      const result = await client.call(['echo', value]).catch(error => `${error.name}: ${error.message}`)
      if (result !== value) failed.push(`${value}: ${result}`)
    }
  }
  const all = Array.from({ length: 64 }, one)
  return {
    get count() {
      return count
    },
    some: () => client.call(['echo', 'some']),
    /** Resolves with those that have failed. */
    async stop() {
      isOver = true
      await Promise.all(all)
      return failed
    },
  }
}

function computedTwice(journal: Journal): string[] {
  const counts = new Map<string, number>()
  for (const { id, what } of journal.entries) if (what === 'echo') counts.set(id, (counts.get(id) ?? 0) + 1)
  return [...counts].filter(([, count]) => count > 1).map(([id, count]) => `${id}: ${count} times`)
}
