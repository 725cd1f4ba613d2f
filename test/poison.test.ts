// A request that harms its process costs itself an error and nobody else anything: not the executors, and not the requests that
// are computed, or wait, beside it. Those are computed once.
import t from 'tap'
import { startExecutors } from './fixtures/executors.js'
import { type Poison, callInnocents, computedTwice, costsOnlyItself } from './fixtures/innocents.js'
import { newClient, rejection } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(t)

const cases: Poison[] = [
  [['kill'], 'ExecutionError', /^the process of the function was ended by SIGKILL$/],
  [['abort'], 'ExecutionError', /^the process of the function was ended by SIGABRT$/],
  [['exit', 0], 'ExecutionError', /^the process of the function ended with exit code 0$/],
  [['exit', -1], 'ExecutionError', /^the process of the function ended with exit code 255$/],
  [['says', 'device out of memory'], 'ExecutionError', /^the process of the function ended with exit code 3$/],
  [['exitElsewhere'], 'ExecutionError', /^the process of the function ended with exit code 6$/],
  [['toJSON'], 'ExecutionError', /^the process of the function ended with exit code 5$/],
  [['throwsLater', 'too late'], 'ExecutionError', /^too late$/],
  [['parentPort'], 'ExecutionError', /postMessage/],
  [['send'], 'ExecutionError', /process.send is not a function/],
  [['writes', 'x'], 'ExecutionError', /^the function wrote to the pipes of its slot$/],
  [['writes', 'x'.repeat(100)], 'ExecutionError', /^the function wrote to the pipes of its slot$/],
  [['closes'], 'ExecutionError', /pipe|ended/],
]
for (const poison of cases) t.test(JSON.stringify(poison[0]).slice(0, 40), t => costsOnlyItself(t, server, poison, []))

t.test('what each time closes the pipe by which it would be answered', async t => {
  const { executors, journal } = await startExecutors(t, server, 2)
  const client = newClient(t, server, { service: 'poison', timeout: 15_000 })
  t.match(await rejection(client.call(['reopens', 5])), {
    name: 'ExecutionError',
    message: 'the function closed the pipes of its slot',
    attempts: 3,
  })
  t.equal(journal.entries.length, 3)
  t.equal(await client.call(['echo', 'next']), 'next')
  t.ok(executors.every(({ isRunning }) => isRunning))
})

t.test('a result that is larger than any message', async t => {
  const { executors } = await startExecutors(t, server, 1)
  const client = newClient(t, server, { service: 'poison' })
  t.match(await rejection(client.call(['text', 140e6])), { name: 'TooLargeError', code: 413 })
  t.equal(await client.call(['echo', 'next']), 'next')
  t.ok(executors[0]!.isRunning)
})

t.test('an exception of a request that was answered', async t => {
  const { executors, journal } = await startExecutors(t, server, 4)
  const client = newClient(t, server, { service: 'poison' })
  const innocent = callInnocents(client)
  await journal.started('echo', 300)
  const warned = () => executors.flatMap(({ output }) => output.match(/unhandled: late \d/g) ?? [])
  // A process is replaced after its first one: what it would have thrown later is never seen.
  for (let i = 0; warned().length < 8; i++) {
    t.equal(await client.call(['throwsWhenAnswered', [60 * (i % 8), `late ${i}`]]), 'answered')
    await innocent.some()
  }
  t.strictSame(await innocent.stop(), [])
  t.strictSame(computedTwice(journal), [])
  t.ok(executors.every(({ isRunning }) => isRunning))
})
