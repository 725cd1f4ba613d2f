// A request that waits behind a long one is computed by whoever is free.
import { headers } from 'nats'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

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
  t.ok(performance.now() - from < 4000, 'all at once, not one each time that somebody looks')
  // NATS brings half of what is sent now to the busy one.
  const more = await Promise.all(ECHOES.map(i => client.request(['echo', i])))
  for (const [i, reply] of more.entries()) t.match(reply, { result: i, executorId: free.id })
  gate.open()
  t.equal((await long).executorId, busy.id)
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

t.test('NATS brings an idle executor eleven times as many requests as a busy one', async t => {
  const server = await startServer(t)
  await startExecutor(t, server)
  await startExecutor(t, server)
  const client = newClient(t, server)
  const nc = await connectTo(t, server)
  const gate = new Gate(t)
  const long = client.request(['gate', gate.name])
  await gate.heard('here')
  const count = 200
  const computed = new Set<string>()
  for (let i = 0; i < count; i++) computed.add((await client.request(['echo', i])).executorId!)
  t.equal(computed.size, 1)
  const [free] = computed
  const { received } = await statistics(nc, `acts.${free}`)
  // A twelfth, or a half if both were alike.
  t.ok(received < 50, `${received} of ${count} came from the busy one`)
  gate.open()
  t.not((await long).executorId, free)
})

t.test('an executor that stops or is busy is not preferred', async t => {
  const server = await startServer(t)
  const memberships = async () => (await server.subscriptions()).filter(subject => subject === 'acts').length
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  while ((await memberships()) < 11);
  const gate = new Gate(t)
  const long = client.request(['gate', gate.name])
  await gate.heard('here')
  while ((await memberships()) > 1);
  gate.open()
  await long
  while ((await memberships()) < 11);
  const another = new Gate(t)
  const last = client.request(['gate', another.name])
  await another.heard('here')
  const stopped = executor.stop()
  while ((await memberships()) > 0);
  another.open()
  await Promise.all([last, stopped])
  await startExecutor(t, server, { balance: false })
  t.equal(await memberships(), 1, 'nor one that hands nothing over')
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
  t.equal((await small).headers?.get('Executor-Id'), free.id, 'one that is younger and smaller is handed over')
  gate.open()
  for (const reply of await Promise.all([long, ...large])) t.equal(reply.headers?.get('Executor-Id'), busy.id)
})

t.test('without handing over each request stays where NATS brought it', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const messages: string[] = []
  for (const subject of ['$EXEC.idle.>', '$EXEC.surplus.>'])
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
    return all.reduce((sum, { handed_over: count }) => sum + count, 0)
  }
  await sendMany()
  const before = await handedOver()
  await sendMany()
  const moved = (await handedOver()) - before
  t.ok(moved < 50, `${moved} of 500 were handed over`)
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

t.test('who did not get a request cannot say that it has it', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const offered = new Promise<string>(resolve => {
    nc.subscribe('$EXEC.idle.executors.acts', { callback: (_, { reply }) => resolve(reply!) })
  })
  await nc.flush()
  await startExecutor(t, server)
  const client = newClient(t, server)
  const gate = new Gate(t)
  const long = client.call(['gate', gate.name])
  await gate.heard('here')
  const waiting = client.call(['echo', 1])
  t.match(await offered, /\.g[\w-]{21}$/, 'an answer goes where nobody else can guess')
  // This one listens as if it were idle: the request is lost to it, and sent again.
  gate.open()
  t.equal(await long, 'go')
  t.equal(await waiting, 1)
})

t.test('who says that it has the oldest request, and does not give it, is not asked for ever', async t => {
  const server = await startServer(t)
  await startExecutor(t, server)
  const client = newClient(t, server)
  const nc = await connectTo(t, server)
  const asks: string[] = []
  const told = new Promise<void>(resolve => {
    nc.subscribe('idler.told', { callback: () => resolve() })
  })
  nc.subscribe('idler.ask', { callback: (_, message) => void asks.push(message.string()) })
  const gate = new Gate(t)
  const first = client.call(['gate', gate.name])
  await gate.heard('here')
  const second = client.call(['echo'])
  while ((await statistics(nc)).backlog < 1);
  nc.publish('$EXEC.surplus.executors.acts', 'Infinity', { reply: 'idler.told' })
  await told
  gate.open()
  await Promise.all([first, second])
  // While others wait, each of these is worth asking for something older.
  const until = performance.now() + 10_000
  let before
  do {
    before = asks.length
    await Promise.all([1, 2, 3].map(() => client.call(['sleep', 10])))
  } while ((asks.length === 0 || asks.length > before) && performance.now() < until)
  t.ok(asks.length > 0 && asks.length === before, `${asks.length} asks`)
})

t.test('one question at a time', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  let asks = 0
  // It is stuck, as far as others can see, and never answers.
  nc.subscribe('$EXEC.surplus.executors.acts', { callback: () => asks++ })
  await nc.flush()
  await startExecutor(t, server)
  const client = newClient(t, server)
  await Promise.all(ECHOES.map(() => client.call(['sleep', 5])))
  await nc.flush()
  t.ok(asks > 0 && asks < ECHOES.length / 2, `${asks} asks for ${ECHOES.length} computations`)
})

t.test('a stranger who watches all subjects costs no request', async t => {
  const server = await startServer(t)
  await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const watcher = await connectTo(t, server)
  const seen = { offers: 0 }
  // With it the server does not say any more that nobody is idle.
  watcher.subscribe('>', {
    callback: (_, { subject }) => void (seen.offers += Number(subject.startsWith('$EXEC.idle.'))),
  })
  await watcher.flush()
  const gate = new Gate(t)
  const long = nc.request('acts', JSON.stringify(['gate', gate.name]), { timeout: 20_000 })
  await gate.heard('here')
  const waiting = ECHOES.slice(0, 3).map(i => nc.request('acts', JSON.stringify(['echo', i]), { timeout: 20_000 }))
  while (seen.offers === 0) await nc.flush()
  gate.open()
  await long
  for (const [i, answer] of waiting.entries()) t.equal((await answer).json(), i)
})

t.test('a much older request, known to be elsewhere, is fetched before the next one starts', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const executor = await startExecutor(t, server)
  const started: string[] = []
  executor.on('started', ({ requestId }) => void started.push(requestId))
  const client = newClient(t, server)
  // Another executor, with a request that has waited for a minute; it gives it when it is asked.
  let toGive: string | undefined
  nc.subscribe('other.ask', {
    callback: (_, ask) => {
      if (!toGive) return
      const given = headers()
      given.set('Request-Id', toGive)
      given.set('Waited-Ms', '60000')
      given.set('Reply-To', 'other.client')
      nc.publish(ask.reply!, '["echo","old"]', { headers: given, reply: 'other.given' })
      toGive = undefined
    },
  })
  const heard = (subject: string) =>
    new Promise<void>(resolve => void nc.subscribe(subject, { max: 1, callback: () => resolve() }))
  const isFetchedFirst = async (round: number) => {
    const gate = new Gate(t)
    const running = client.request(['gate', gate.name])
    await gate.heard('here')
    const waiting = client.request(['echo', 'young'])
    while ((await statistics(nc)).backlog < 1);
    const [told, answered] = [heard('other.told'), heard('other.client')]
    nc.publish('$EXEC.surplus.executors.acts', '60000', { reply: 'other.told' })
    await told
    toGive = `old-${round}`
    gate.open()
    await Promise.all([running, waiting, answered])
    return started.indexOf(`old-${round}`) < started.indexOf((await waiting).requestId)
  }
  // It does not wait for long: on a busy machine the answer may be late.
  let rounds = 0
  while (!(await isFetchedFirst(++rounds)) && rounds < 20);
  t.ok(rounds < 20, `${rounds} rounds`)
})
