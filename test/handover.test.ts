import t from 'tap'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { newClient, startExecutor, statistics } from './fixtures/library.js'

const SLEEP = new URL('../dist/lib/functions/sleep.js', import.meta.url)

t.test('requests that lie at a busy executor go to those that are free', async t => {
  const server = await startServer(t)
  const options = { function: SLEEP, subject: 'sleep' }
  const busy = await startExecutor(t, server, options)
  const client = newClient(t, server, { subject: 'sleep' })
  const long = client.request(3000)
  const short = Array.from({ length: 6 }, () => client.request(300))
  // All of them are at the only executor there is; those that come now hear of it.
  const nc = await connectTo(t, server)
  while ((await statistics(nc, 'sleep')).backlog < 6);
  const free = [await startExecutor(t, server, options), await startExecutor(t, server, options)]
  const replies = await Promise.all(short)
  const ids = free.map(({ id }) => id)
  t.ok(
    replies.every(({ executor }) => ids.includes(executor!)),
    'none waited for the long computation',
  )
  t.equal((await long).executor, busy.id)
})

t.test('clients that know nothing of executors are balanced too, and get their headers', async t => {
  const server = await startServer(t)
  const options = { function: SLEEP, subject: 'sleep' }
  const executors = [await startExecutor(t, server, options), await startExecutor(t, server, options)]
  const nc = await connectTo(t, server)
  const replies = await Promise.all(Array.from({ length: 8 }, () => nc.request('sleep', '100', { timeout: 10_000 })))
  for (const { id } of executors)
    t.equal(replies.filter(({ headers }) => headers?.get('Executor-Id') === id).length, 4, 'half of them')
})

t.test('without handing over each request stays where NATS brought it', async t => {
  const server = await startServer(t)
  const options = { function: SLEEP, subject: 'sleep', handover: false }
  await startExecutor(t, server, options)
  const client = newClient(t, server, { subject: 'sleep' })
  const nc = await connectTo(t, server)
  const messages: string[] = []
  for (const subject of ['$EXEC.idle.>', '$EXEC.surplus.>'])
    nc.subscribe(subject, { callback: (_, { subject: name }) => void messages.push(name) })
  await nc.flush()
  await Promise.all(Array.from({ length: 4 }, () => client.call(50)))
  await nc.flush()
  t.same(messages, [])
})

t.test('short computations cause no message between executors', async t => {
  const server = await startServer(t)
  const options = { function: SLEEP, subject: 'sleep' }
  await startExecutor(t, server, options)
  await startExecutor(t, server, options)
  const client = newClient(t, server, { subject: 'sleep' })
  const sendMany = () => Promise.all(Array.from({ length: 500 }, () => client.call(0)))
  await sendMany()
  const nc = await connectTo(t, server)
  const before = (await statistics(nc, 'sleep')).nudged
  await sendMany()
  t.ok((await statistics(nc, 'sleep')).nudged - before <= 2, 'next to none')
})

t.test('an executor that stops gives what waits to the others', async t => {
  const server = await startServer(t)
  const options = { function: SLEEP, subject: 'sleep' }
  const stopping = await startExecutor(t, server, options)
  const client = newClient(t, server, { subject: 'sleep' })
  const calls = [1000, 200, 200, 200].map(ms => client.request(ms))
  const nc = await connectTo(t, server)
  while ((await statistics(nc, 'sleep')).backlog < 3);
  const other = await startExecutor(t, server, options)
  await stopping.stop()
  const replies = await Promise.all(calls)
  t.same(
    replies.map(({ executor }) => executor),
    [stopping.id, other.id, other.id, other.id],
  )
})
