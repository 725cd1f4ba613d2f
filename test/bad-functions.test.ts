// A function that goes wrong costs its own request an error, and nobody else anything.
import { once } from 'node:events'
import t from 'tap'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const executor = await startExecutor(t, server, { timeLimit: 1000 })
const client = newClient(t, server)

const cases: [act: unknown[], name: string, code: number, message: RegExp][] = [
  [['exit', 0], 'ExecutionError', 500, /exit code 0/],
  [['exit', 3], 'ExecutionError', 500, /exit code 3/],
  [['loop'], 'DeadlineExceededError', 408, /time limit of 1000 ms/],
  [['never'], 'DeadlineExceededError', 408, /time limit/],
  [['recurse', 0], 'ExecutionError', 500, /call stack/],
  [['throws', 'as planned'], 'ExecutionError', 500, /^as planned$/],
  [['throwsNull'], 'ExecutionError', 500, /null/],
  [['throwsLater', 'too late'], 'ExecutionError', 500, /too late/],
  [['refuses', 'not this one'], 'InvalidArgumentError', 400, /^not this one$/],
  [['rejects', 'at once'], 'ExecutionError', 500, /^at once$/],
  [['rejectsLater', 'a bit later'], 'ExecutionError', 500, /^a bit later$/],
  [['brokenThenable'], 'ExecutionError', 500, /no then/],
  [['bigint'], 'ExecutionError', 500, /JSON/],
  [['circle'], 'ExecutionError', 500, /JSON/],
  [['throws', 'y'.repeat(10_000)], 'ExecutionError', 500, /^y+$/],
  [['throws', 'two\nlines'], 'ExecutionError', 500, /^two lines$/],
  [['throws', ''], 'ExecutionError', 500, /./],
]
for (const [act, name, code, message] of cases)
  t.test(`${JSON.stringify(act).slice(0, 60)} is a ${name}`, async t => {
    const others = ['before', 'after']
    const before = client.call(['echo', others[0]])
    const bad = rejection(client.call(act))
    const after = client.call(['echo', others[1]])
    const error = await bad
    t.match(error, { name, code, executorId: executor.id })
    t.match(error.message, message)
    t.match(error.requestId, /^[\w-]+$/)
    t.strictSame(await Promise.all([before, after]), others)
  })

t.test('a function that runs out of memory costs its own request an error', async t => {
  // On a slow machine it takes a while until the memory is full.
  await startExecutor(t, server, { service: 'memory', memoryLimit: 100 })
  const greedy = newClient(t, server, { service: 'memory' })
  t.match(await rejection(greedy.call(['allocate'])), { name: 'ExecutionError', code: 500, message: /memory/ })
  t.equal(await greedy.call(['echo', 'next']), 'next')
})

t.test('a rejection that the function forgot costs neither its own request nor the next one', async t => {
  const noticed = once(executor, 'warning')
  const calls = [client.call(['forgets', 'nobody listens']), client.call(['sleep', 50])]
  t.strictSame(await Promise.all(calls), ['forgot', 50])
  t.match((await noticed)[0], /unhandled: nobody listens/)
})

t.test('a result that cannot be looked at, after a computation that was awaited', async t => {
  const before = client.call(['sleep', 20])
  t.match(await rejection(client.call(['brokenThenable'])), { name: 'ExecutionError', message: /no then/ })
  t.equal(await before, 20)
  t.equal(await client.call(['echo', 'next']), 'next')
})

t.test('a thenable is awaited, and no result is null', async t => {
  t.strictSame(await client.call(['thenable', { a: 1 }]), { a: 1 })
  t.equal(await client.call(['nothing']), null)
})
