// Who sends a request again under its id, since it has waited for too long, wants it computed for as long as it waits now.
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
await startExecutor(t, server)
const client = newClient(t, server)

t.test('after its timeout, while it is computed', async t => {
  const gate = new Gate(t)
  const call = (timeout: number) => client.call(['gate', gate.name], { requestId: 'timed-out', timeout })
  t.match(await rejection(call(400)), { name: 'TimeoutError' })
  const again = call(30_000)
  // By the computation of the first one, or another one.
  const opening = setInterval(() => gate.open(), 20)
  t.equal(await again.finally(() => clearInterval(opening)), 'go')
})

t.test('a while after it', async t => {
  const gate = new Gate(t)
  const call = (timeout: number) => client.call(['gate', gate.name], { requestId: 'later', timeout })
  t.match(await rejection(call(400)), { name: 'TimeoutError' })
  t.equal(await client.call(['echo', 1]), 1)
  const again = call(30_000)
  await gate.heard('here', 2)
  gate.open()
  t.equal(await again, 'go')
})

t.test('while it is computed, for somebody who waits for less time', async t => {
  const gate = new Gate(t)
  const call = (timeout: number) => client.call(['gate', gate.name], { requestId: 'joined', timeout })
  const first = rejection(call(600))
  await gate.heard('here')
  const second = call(30_000)
  t.match(await first, { name: 'TimeoutError' })
  t.equal(await Promise.race([second, new Promise(resolve => setTimeout(resolve, 300, 'still waits'))]), 'still waits')
  gate.open()
  t.equal(await second, 'go')
})

t.test('while it waits, for somebody who waits for less time', async t => {
  const gate = new Gate(t)
  const before = client.call(['gate', gate.name])
  await gate.heard('here')
  const call = (timeout: number) => client.call(['echo', 'waited'], { requestId: 'waiting', timeout })
  const first = rejection(call(300))
  const second = call(30_000)
  t.match(await first, { name: /Timeout|Deadline/ })
  gate.open()
  t.equal(await before, 'go')
  t.equal(await second, 'waited')
})

for (const state of ['is computed', 'waits'])
  t.test(`by another client of the same key, when the first one cancels it as it ${state}`, async t => {
    const [first, second] = [newClient(t, server, { key: 'shared' }), newClient(t, server, { key: 'shared' })]
    const [before, gate] = [new Gate(t), new Gate(t)]
    const blocking = state === 'waits' ? client.call(['gate', before.name]) : undefined
    if (blocking) await before.heard('here')
    const abort = new AbortController()
    const options = { requestId: `cancelled-as-it-${state.replace(' ', '-')}` }
    const cancelled = rejection(first.call(['gate', gate.name], { ...options, signal: abort.signal }))
    if (!blocking) await gate.heard('here')
    const other = second.call(['gate', gate.name], options)
    // The answer comes when the executor has read what was sent before.
    await t.rejects(second.call(1, { function: 'none' }), { code: 404 })
    abort.abort()
    t.match(await cancelled, { name: 'CancelledError' })
    await first.close()
    before.open()
    await gate.heard('here')
    gate.open()
    t.equal(await other, 'go')
    await blocking
  })

t.test('by another client of the same key, at another executor, when the first one cancels it at once', async t => {
  const service = 'two'
  for (let count = 1; count <= 2; count++) await startExecutor(t, server, { service, balance: false })
  const [first, second] = [newClient(t, server, { service, key: 'two' }), newClient(t, server, { service, key: 'two' })]
  t.equal(await first.call(['echo', 'connected']), 'connected')
  const gate = new Gate(t)
  // Some come to each of the executors.
  const before = Array.from({ length: 16 }, () => first.call(['gate', gate.name]))
  await gate.heard('here', 2)
  const ids = before.map((_, index) => `at-once-${index}`)
  const others = ids.map(requestId => second.call(['echo', requestId], { requestId }).catch(String))
  // They have arrived when this is answered.
  await t.rejects(second.call(1, { function: 'none' }), { code: 404 })
  const abort = new AbortController()
  const calls = ids.map(requestId => rejection(first.call(['echo', requestId], { requestId, signal: abort.signal })))
  abort.abort()
  for (const cancelled of calls) t.match(await cancelled, { name: 'CancelledError' })
  const opening = setInterval(() => gate.open(), 10)
  t.strictSame(await Promise.all(others), ids)
  await Promise.all(before).finally(() => clearInterval(opening))
})
