// `concurrency` requests are computed at once, and no more.
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, rejection, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const nc = await connectTo(t, server)

t.test('two slots compute two at once', async t => {
  await startExecutor(t, server, { concurrency: 2, service: 'two' })
  const client = newClient(t, server, { service: 'two' })
  const { name } = new Gate(t)
  // Each of them ends only when the other one is there.
  t.strictSame(await Promise.all([client.call(['meet', name]), client.call(['meet', name])]), ['here', 'here'])
})

for (const concurrency of [1, 2])
  t.test(`with a concurrency of ${concurrency} one more request waits`, async t => {
    const subject = `upto${concurrency}`
    const executor = await startExecutor(t, server, { concurrency, service: subject })
    const client = newClient(t, server, { service: subject })
    const events: string[] = []
    executor.on('started', () => events.push('started'))
    executor.on('completed', () => events.push('completed'))
    const gate = new Gate(t)
    const calls = Array.from({ length: concurrency }, () => client.call(['gate', gate.name]))
    await gate.heard('here', concurrency)
    const more = client.call(['echo', 'more'])
    while ((await statistics(nc, subject)).backlog !== 1);
    t.equal((await statistics(nc, subject)).computing, concurrency)
    gate.open()
    t.equal(await more, 'more')
    await Promise.all(calls)
    t.strictSame(events.slice(0, concurrency + 1), [...Array(concurrency).fill('started'), 'completed'])
  })

for (const [name, act] of [
  ['long', ['spin', 50]],
  ['short', ['echo', 50]],
] as const)
  t.test(`the answer of a ${name} computation does not wait for the next one, which keeps the thread`, async t => {
    await startExecutor(t, server, { service: name })
    const client = newClient(t, server, { service: name })
    // From here on short ones are sent to the thread several at a time.
    for (let i = 0; i < 8; i++) await client.call(['echo', i])
    const abort = new AbortController()
    const first = client.call(act)
    const next = rejection(client.call(['loop'], { signal: abort.signal }))
    t.equal(await first, 50)
    abort.abort()
    t.match(await next, { name: 'CancelledError' })
  })
