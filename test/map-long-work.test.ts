// A map whose work takes longer than the client's timeout: what waits does not time out while somebody is there, and what is under
// way follows the slots.
import { setTimeout as sleep } from 'node:timers/promises'
import type { MapOutcome, MapRun } from 'nats-executor'
import t from 'tap'
import { root } from '../dev/root.js'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor, statistics } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const SLEEP = new URL('dist/lib/functions/sleep.js', root)
const FLAGS = ['--service', 'sleep', 'dist/lib/functions/sleep.js']

async function collect<Argument>(map: MapRun<Argument, unknown>): Promise<MapOutcome<Argument>[]> {
  const outcomes = []
  for await (const outcome of map) outcomes.push(outcome)
  return outcomes
}

const echoes = (count: number) => Array.from({ length: count }, (_, i) => ['echo', i])

const names = (outcomes: MapOutcome[]) => outcomes.map(({ error }) => error?.name)

let server: Server
t.beforeEach(async t => {
  server = await startServer(t)
})

t.test('arguments wait longer than the timeout of the client', async t => {
  await startExecutor(t, server)
  const client = newClient(t, server, { timeout: 1500 })
  const args = Array.from({ length: 12 }, () => ['sleep', 400])
  for (const { error, result } of await collect(client.map(args)))
    t.strictSame({ error, result }, { error: undefined, result: 400 })
  const impatient = names(await collect(client.map(args, { timeout: 1500 })))
  for (const name of new Set(impatient.filter(Boolean))) t.match(name, /^(TimeoutError|DeadlineExceededError)$/)
  t.not(impatient.at(-1), undefined, 'a timeout that is given counts')
})

t.test('on the wire a request has no deadline, unless the map has a timeout', async t => {
  await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const seen: number[] = []
  nc.subscribe('acts', { callback: (_, { headers }) => void seen.push(Number(headers?.get('Timeout-Ms'))) })
  await nc.flush()
  const client = newClient(t, server)
  for (const options of [{}, { timeout: 5000 }]) await collect(client.map([['echo', 1]], options))
  await client.call(['echo', 1])
  while (seen.length < 3) await nc.flush()
  t.equal(seen[0], 1e12)
  t.ok(seen[1]! <= 5000)
  t.ok(seen[2]! > 5000 && seen[2]! <= 30_000)
})

t.test('nobody is there', async t => {
  const client = newClient(t, server, { timeout: 300 })
  t.strictSame(names(await collect(client.map([1, 2, 3]))), Array(3).fill('NoExecutorsError'))
  await server.kill()
  const other = newClient(t, server, { timeout: 300 })
  t.strictSame(names(await collect(other.map([1]))), ['NoExecutorsError'])
})

t.test('an executor is killed, and none comes back', async t => {
  const executor = run(t, 'executor', ['--servers', server.url, ...FLAGS])
  await executor.line(/Awaiting/)
  const client = newClient(t, server, { service: 'sleep', timeout: 1500 })
  const map = client.map([60_000, 60_000, 60_000])
  const outcomes = collect(map)
  await executor.line(/calling/)
  await sleep(3500)
  t.equal(map.counts.done, 0)
  executor.kill('SIGKILL')
  t.strictSame(names(await outcomes), Array(3).fill('NoExecutorsError'))
})

t.test('the server is killed, and does not come back', async t => {
  const executor = run(t, 'executor', ['--servers', server.url, ...FLAGS])
  await executor.line(/Awaiting/)
  const client = newClient(t, server, { service: 'sleep', timeout: 1500 })
  const outcomes = collect(client.map([60_000, 60_000]))
  await executor.line(/calling/)
  await server.kill()
  for (const name of names(await outcomes)) t.match(name, /^(TimeoutError|NoExecutorsError)$/)
})

t.test('two executors die of the same requests, and none comes back', async t => {
  const flags = ['--servers', server.url, '--concurrency', '3', ...FLAGS]
  const client = newClient(t, server, { service: 'sleep', timeout: 4000 })
  const outcomes = collect(client.map([60_000, 60_000, 60_000]))
  for (let i = 0; i < 2; i++) {
    const executor = run(t, 'executor', flags)
    await executor.line(/calling/, 3)
    // Until the client knows that they are computed.
    await sleep(1000)
    executor.kill('SIGKILL')
    await executor.exit
  }
  for (const { error } of await outcomes) t.match(error, { name: 'NoExecutorsError', losses: 2 })
})

t.test('a client that may not ask who has its requests gives up', async t => {
  const rights = 'publish: ["acts"], subscribe: ["_INBOX.>"]'
  const users = `{ user: all, password: x }, { user: few, password: x, permissions: { ${rights} } }`
  const guarded = await startServer(t, `authorization { users: [${users}] }`)
  const as = (user: string) => ({ servers: guarded.url, user, pass: 'x' })
  await startExecutor(t, guarded, { connection: as('all') })
  const client = newClient(t, guarded, { connection: as('few'), timeout: 1500 })
  t.strictSame(names(await collect(client.map([['never']]))), ['TimeoutError'])
})

t.test('an executor is killed, and another one comes later', async t => {
  const spawn = () => run(t, 'executor', ['--servers', server.url, ...FLAGS])
  const executor = spawn()
  await executor.line(/Awaiting/)
  const map = newClient(t, server, { service: 'sleep', timeout: 8000 }).map(Array(20).fill(250))
  const outcomes = collect(map)
  await executor.line(/calling/, 3)
  executor.kill('SIGKILL')
  await executor.exit
  await sleep(1000)
  spawn()
  t.strictSame(names(await outcomes), Array(20).fill(undefined))
})

t.test('all backlogs are full for longer than the timeout', async t => {
  await startExecutor(t, server, { backlog: 1 })
  const gate = new Gate(t)
  const running = newClient(t, server).call(['gate', gate.name])
  await gate.heard('here')
  const map = newClient(t, server, { timeout: 1500 }).map(echoes(5), { batchSize: 1 })
  const outcomes = collect(map)
  await sleep(3500)
  t.equal(map.counts.done, 0)
  gate.open()
  await running
  t.strictSame(names(await outcomes), Array(5).fill(undefined))
})

t.test('requests go out until all slots compute', async t => {
  let started = 0
  const options = { module: SLEEP, service: 'sleep', concurrency: 80, processes: 1 }
  const executors = [await startExecutor(t, server, options), await startExecutor(t, server, options)]
  const all = new Promise<void>(resolve => {
    for (const executor of executors) executor.on('started', () => ++started === 160 && resolve())
  })
  const controller = new AbortController()
  const { signal } = controller
  const outcomes = collect(newClient(t, server, { service: 'sleep' }).map(Array(1000).fill(60_000), { signal }))
  const ended = t.rejects(outcomes, { name: 'CancelledError' })
  await all
  controller.abort()
  await ended
})

t.test('few wait for two slots', async t => {
  await startExecutor(t, server, { module: SLEEP, service: 'sleep', concurrency: 2, processes: 1 })
  const nc = await connectTo(t, server)
  function* endless() {
    while (true) yield 200
  }
  let given = 0
  let most = 0
  for await (const _ of newClient(t, server, { service: 'sleep' }).map(endless())) {
    given++
    const { backlog, computing } = await statistics(nc, 'sleep')
    most = Math.max(most, backlog + computing)
    if (backlog + computing <= 8) break
  }
  t.ok(most > 30 && given > 30, `${most} at first, few after ${given}`)
})

t.test('a limit of arguments a second', async t => {
  await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const sizes: number[] = []
  nc.subscribe('acts', { callback: (_, { headers }) => void sizes.push(Number(headers?.get('Batch-Size') || 1)) })
  await nc.flush()
  for (const [batchSize, count] of [
    [50, 120],
    [1, 60],
    ['auto', 60],
  ] as const) {
    sizes.length = 0
    const from = performance.now()
    const outcomes = await collect(newClient(t, server).map(echoes(count), { limit: 100, batchSize }))
    const ms = performance.now() - from
    t.strictSame(names(outcomes), Array(count).fill(undefined))
    const most = Math.max(...sizes)
    if (batchSize !== 'auto') t.equal(most, Math.min(batchSize, 10))
    t.ok(most <= 10)
    t.ok(ms > (count - most) * 10 - 25, `${batchSize}: ${count} in ${Math.round(ms)} ms`)
  }
})

for (const how of ['the loop is left', 'its signal is aborted', 'the client is closed'])
  t.test(`while it waits for its limit, ${how}`, async t => {
    const executor = run(t, 'executor', ['--servers', server.url])
    await executor.line(/Awaiting/)
    const client = newClient(t, server, { service: 'fibonacci' })
    const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    await client.call(1)
    await sleep(300)
    const before = timers()
    const controller = new AbortController()
    const leave = async () => {
      for await (const { result } of client.map([1, 2, 3], { limit: 1e-8, signal: controller.signal })) {
        t.equal(result, 1)
        if (how === 'the loop is left') break
        await new Promise(resolve => setImmediate(resolve))
        if (how === 'its signal is aborted') controller.abort()
        else void client.close()
      }
    }
    if (how === 'the loop is left') await leave()
    else await t.rejects(leave(), { name: 'CancelledError' })
    while (timers() > before) await sleep(10)
    t.pass('no timer is left')
  })
