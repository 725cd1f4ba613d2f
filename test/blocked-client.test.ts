// A client that had no time to read for longer than its timeout takes the answers that lie before it.
import t from 'tap'
import { newClient } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const TIMEOUT = 1000
/** Without taking the processor from the executor. */
const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1.5 * TIMEOUT)
const server = await startServer(t)
const flags = ['--servers', server.url, '--service', 'acts', 'test/fixtures/acts.mjs', '--backlog', '10000']
const executor = run(t, 'executor', [...flags, '--concurrency', '2'])
await executor.line(/Awaiting/)
let computed = 0

for (const kind of ['own', 'handed in'])
  for (const [what, count, act, length] of [
    ['many', 300, ['echo', 'x'], 1],
    ['large', 8, ['text', 500_000], 500_000],
  ] as const)
    t.test(`${what} answers, on a connection ${kind}`, async t => {
      const connection = await connectTo(t, server)
      const client = newClient(t, server, kind === 'own' ? {} : { connection })
      await client.call(['echo', 1])
      const calls = Array.from({ length: count }, () => client.call<string>(act, { timeout: TIMEOUT }))
      await new Promise(resolve => setImmediate(resolve))
      block()
      const outcomes = await Promise.allSettled(calls)
      const wrong = outcomes.filter(outcome => outcome.status === 'rejected' || outcome.value.length !== length)
      t.strictSame(wrong, [])
      await client.call(['echo', 'last'])
      computed += count + 2
      await executor.line(/calling/, computed)
      const said = executor.stdout.filter(line => line.includes('calling')).length
      t.equal(said, computed, 'none was taken for lost')
    })

t.test('what has no answer ends all the same', async t => {
  const nc = await connectTo(t, server)
  const asked = new Promise(resolve => nc.subscribe('silent', { callback: resolve }))
  await nc.flush()
  const call = newClient(t, server, { service: 'silent' }).call(1, { timeout: TIMEOUT })
  await asked
  block()
  await t.rejects(call, { name: 'TimeoutError' })
})

t.test('what its executor has ended at the timeout ends by the timeout', async t => {
  const client = newClient(t, server)
  await client.call(['echo', 1])
  const call = client.call(['sleep', 60_000], { timeout: TIMEOUT })
  await new Promise(resolve => setImmediate(resolve))
  block()
  await t.rejects(call, { name: 'TimeoutError', cause: { message: 'the deadline passed while computing' } })
})
