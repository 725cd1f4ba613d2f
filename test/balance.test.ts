// A request that waits behind a long one is computed by whoever is free.
import { EventEmitter, once } from 'node:events'
import { headers } from 'nats'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const ECHOES = Array.from({ length: 20 }, (_, i) => i)

t.test('requests that lie at a busy executor go to those that come later', async t => {
  const server = await startServer(t)
  const busy = await startExecutor(t, server)
  const client = newClient(t, server)
  const nc = await connectTo(t, server)
  const gate = new Gate(t)
  const long = client.request(['gate', gate.name])
  await gate.heard('here')
  const waiting = ECHOES.map(i => client.request(['echo', i]))
  while ((await statistics(nc)).backlog < ECHOES.length);
  const free = await startExecutor(t, server)
  const from = performance.now()
  for (const [i, call] of waiting.entries()) t.match(await call, { result: i, executorId: free.id })
  t.ok(performance.now() - from < 4000, 'all at once')
  // NATS brings half of what is sent now to the busy one.
  const more = await Promise.all(ECHOES.map(i => client.request(['echo', i])))
  for (const [i, reply] of more.entries()) t.match(reply, { result: i, executorId: free.id })
  gate.open()
  t.equal((await long).executorId, busy.id)
})

t.test('nobody waits behind what has no end while others have slots that get free', async t => {
  const server = await startServer(t)
  await startExecutor(t, server, { concurrency: 2 })
  const client = newClient(t, server, { timeout: 100_000 })
  for (const i of ECHOES) t.equal(await client.call(['echo', i]), i)
  const gate = new Gate(t)
  const endless = [1, 2].map(() => client.call(['gate', gate.name]))
  await gate.heard('here', 2)
  await startExecutor(t, server)
  // More than it takes to keep the other one busy all the time.
  const counts = Array.from({ length: 5 }, () => 0)
  const lanes = counts.map(async (_, lane) => {
    while (counts.some(count => count < 20)) {
      await client.call(['sleep', 20])
      counts[lane]!++
    }
  })
  await Promise.all(lanes)
  gate.open()
  t.strictSame(await Promise.all(endless), ['go', 'go'])
})

t.test('clients that know nothing of executors are balanced too, and get their headers', async t => {
  const server = await startServer(t)
  const executors = [await startExecutor(t, server), await startExecutor(t, server)]
  const nc = await connectTo(t, server)
  for (let round = 0; round < 10; round++) {
    const gate = new Gate(t)
    const body = JSON.stringify(['gate', gate.name])
    const answers = [1, 2].map(() => nc.request('acts', body, { timeout: 20_000 }))
    // Whomever NATS picked, both are computed at once.
    await gate.heard('here', 2)
    gate.open()
    const ids = (await Promise.all(answers)).map(({ headers }) => headers?.get('Executor-Id'))
    t.strictSame(ids.toSorted(), executors.map(({ id }) => id).toSorted())
  }
})

t.test('a request that fills a message to the last bytes stays where it is', async t => {
  const most = 20_000
  const server = await startServer(t, `max_payload: ${most}`)
  const busy = await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const gate = new Gate(t)
  const long = nc.request('acts', JSON.stringify(['gate', gate.name]), { timeout: 20_000 })
  await gate.heard('here')
  const size = (length: number) => nc.request('acts', `["size","${'x'.repeat(length - 11)}"]`, { timeout: 20_000 })
  const large = [0, 1, 100, 200].map(less => size(most - less))
  const small = size(most - 2000)
  while ((await statistics(nc)).backlog < 5);
  const free = await startExecutor(t, server)
  t.equal((await small).headers?.get('Executor-Id'), free.id, 'one that is younger and smaller is transferred')
  gate.open()
  for (const reply of await Promise.all([long, ...large])) t.equal(reply.headers?.get('Executor-Id'), busy.id)
})

t.test('without balancing each request stays where NATS brought it', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const messages: string[] = []
  for (const subject of ['_EXEC.peer.>', '_EXEC.pool.>', '_EXEC.match.>'])
    nc.subscribe(subject, { callback: (_, { subject: name }) => void messages.push(name) })
  await nc.flush()
  const busy = await startExecutor(t, server, { balance: false })
  const client = newClient(t, server)
  const gate = new Gate(t)
  const long = client.request(['gate', gate.name])
  await gate.heard('here')
  const waiting = ECHOES.map(i => client.request(['echo', i]))
  while ((await statistics(nc)).backlog < ECHOES.length);
  await startExecutor(t, server, { balance: false })
  gate.open()
  for (const { executorId } of await Promise.all([long, ...waiting])) t.equal(executorId, busy.id)
  await nc.flush()
  t.strictSame(messages, [])
})

t.test('short computations cause next to no messages between executors', async t => {
  const server = await startServer(t)
  const executors = [await startExecutor(t, server), await startExecutor(t, server)]
  const client = newClient(t, server)
  const nc = await connectTo(t, server)
  const sendMany = () => Promise.all(Array.from({ length: 500 }, () => client.call(['echo'])))
  const handedOver = async () => {
    const all = await Promise.all(executors.map(({ id }) => statistics(nc, `acts.${id}`)))
    return all.reduce((sum, { transferred: count }) => sum + count, 0)
  }
  await sendMany()
  // A process that the machine does not run for a while computes nothing short then.
  let least = Infinity
  for (let round = 0; round < 5 && least >= 50; round++) {
    const before = await handedOver()
    await sendMany()
    least = Math.min(least, (await handedOver()) - before)
  }
  t.ok(least < 50, `${least} of 500 were transferred`)
})

t.test('an executor that stops gives what waits to the others', async t => {
  const server = await startServer(t)
  const stopping = await startExecutor(t, server)
  const client = newClient(t, server)
  const nc = await connectTo(t, server)
  const gate = new Gate(t)
  const running = client.request(['gate', gate.name])
  await gate.heard('here')
  const waiting = ECHOES.map(i => client.request(['echo', i]))
  while ((await statistics(nc)).backlog < ECHOES.length);
  const stopped = stopping.stop()
  const other = await startExecutor(t, server)
  for (const call of waiting) t.equal((await call).executorId, other.id)
  gate.open()
  t.equal((await running).executorId, stopping.id)
  await stopped
})

/** Somebody who listens to everything, so that no server says any more that nobody is there; and what is subscribed meanwhile. */
t.test('with a listener on all subjects it goes as well, and nothing is subscribed while requests flow', async t => {
  const server = await startServer(t)
  const watcher = await connectTo(t, server)
  watcher.subscribe('>', { callback: () => {} })
  await watcher.flush()
  const executors = [await startExecutor(t, server), await startExecutor(t, server)]
  const nc = await connectTo(t, server)
  const ask = (...act: unknown[]) => nc.request('acts', JSON.stringify(act), { timeout: 20_000 })
  await ask('echo')
  // There is a matchmaker when one of two that wait together has moved.
  const moved = async () => {
    const all = await Promise.all(executors.map(({ id }) => statistics(nc, `acts.${id}`)))
    return all.reduce((sum, { transferred: count }) => sum + count, 0)
  }
  while ((await moved()) === 0) await Promise.all(ECHOES.map(() => ask('sleep', 20)))
  const before = (await server.subscriptions()).toSorted()
  await Promise.all(ECHOES.map(() => ask('sleep', 20)))
  t.strictSame((await server.subscriptions()).toSorted(), before)
  t.ok(before.filter(subject => subject.startsWith('_EXEC.match.')).length === 1, 'one matchmaker')
})

t.test('priorities: who waits for a person comes before a flood', async t => {
  const server = await startServer(t)
  await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const gate = new Gate(t)
  const order: string[] = []
  const ask = (name: string, priority: string, act: unknown[] = ['echo', name]) => {
    const head = headers()
    head.set('Priority', priority)
    const answer = nc.request('acts', JSON.stringify(act), { headers: head, timeout: 20_000 })
    return answer.then(message => {
      order.push(name)
      return message
    })
  }
  const long = ask('long', '0', ['gate', gate.name])
  await gate.heard('here')
  const all = [ask('later', '-1'), ask('flood', '0'), ask('urgent', '5'), ask('urgent too', '5'), ask('last', '-1000')]
  while ((await statistics(nc)).backlog < all.length);
  gate.open()
  await Promise.all([long, ...all])
  t.strictSame(order, ['long', 'urgent', 'urgent too', 'flood', 'later', 'last'])
  for (const priority of ['1001', '-1001', '1.5', 'high', '1e2']) {
    const refused = await ask('refused', priority)
    t.equal(refused.headers?.get('Nats-Service-Error-Code'), '400')
    t.match(refused.headers?.get('Nats-Service-Error'), /^Priority must be a whole number from -1000 to 1000/)
  }
})

t.test('whose matchmaker is killed or paused: another one is, and two are one again', async t => {
  const server = await startServer(t)
  const flags = ['--servers', server.url, '--service', 'acts', 'test/fixtures/acts.mjs', '--log=json']
  const executors = [1, 2, 3].map(() => run(t, 'executor', flags))
  await Promise.all(executors.map(executor => executor.line(/"ready"/)))
  const nc = await connectTo(t, server)
  const beacons = new EventEmitter()
  nc.subscribe('_EXEC.pool.executors.acts', { callback: (_, beacon) => beacons.emit('beacon', beacon.json()) })
  /** Resolves when the last beacons are of one executor alone, which is not that one. */
  const matchmaker = async (not?: string) => {
    for (let last: string[] = []; ;) {
      const [{ id }] = (await once(beacons, 'beacon')) as [{ id: string }]
      last = [...last.slice(-5), id]
      if (last.length === 6 && id !== not && last.every(one => one === id)) return id
    }
  }
  const idOf = (executor: (typeof executors)[0]) =>
    JSON.parse(executor.stdout.find(line => line.includes('"ready"'))!).executorId as string
  const client = newClient(t, server)
  const requests = () => Promise.all(ECHOES.map(() => client.call(['sleep', 50])))
  const first = await matchmaker()
  const paused = executors.find(executor => idOf(executor) === first)!
  process.kill(paused.pid, 'SIGSTOP')
  const second = await matchmaker(first)
  process.kill(paused.pid, 'SIGCONT')
  const one = await matchmaker()
  t.equal(one, [first, second].toSorted()[0], 'of two the one with the smaller id stays')
  const killed = executors.find(executor => idOf(executor) === one)!
  const during = requests()
  killed.kill('SIGKILL')
  t.not(await matchmaker(one), one)
  // Those that it had are computed by others.
  t.equal((await during).length, ECHOES.length)
  await requests()
})
