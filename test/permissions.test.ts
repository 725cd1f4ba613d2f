// The documented rights are enough for everything that executors, clients and observers do, and a missing one is said.
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Observer } from 'nats-executor'
import t from 'tap'
import { root } from '../dev/root.js'
import { newClient, newExecutor, rejection, startExecutor, statistics } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'
import { Gate } from './fixtures/gate.js'

/** What `config/` says, for the service of the tests. */
const rights = (role: string) =>
  readFileSync(new URL(`config/${role}.conf`, root), 'utf8').replaceAll('fibonacci', 'acts')

const users = (executor = rights('executor')) => `authorization {
  users: [
    { user: executor, password: pw, permissions: { ${executor} } }
    { user: client, password: pw, permissions: { ${rights('client')} } }
    { user: observer, password: pw, permissions: { ${rights('observer')} } }
  ]
}`

const as = (server: Server, user: string) => ({
  servers: server.url,
  user,
  pass: 'pw',
  inboxPrefix: `_INBOX.${user === 'executor' ? 'executor.acts' : user}`,
})

t.test('balancing, notices, cancel, a lost executor, copies, discovery: nothing is refused', async t => {
  const server = await startServer(t, users())
  const executors = []
  for (let i = 0; i < 3; i++)
    executors.push(await startExecutor(t, server, { connection: as(server, 'executor'), drainTimeout: 0 }))
  const client = newClient(t, server, { connection: as(server, 'client') })
  const plain = await connectTo(t, server, as(server, 'client'))
  const observer = await connectTo(t, server, as(server, 'observer'))

  const calls = Array.from({ length: 30 }, (_, i) => client.call(['sleep', 20 + i]))
  await Promise.all([
    ...calls,
    ...Array.from({ length: 10 }, () => plain.request('acts', '["sleep",300]', { timeout: 20_000 })),
  ])
  t.ok((await statistics(observer)).messages > 0)
  const ids = (await new Observer({ connection: observer, service: 'acts' }).executors()).map(({ id }) => id)
  t.strictSame(ids.toSorted(), executors.map(({ id }) => id).toSorted())

  const gate = new Gate(t)
  const abort = new AbortController()
  const cancelled = rejection(client.call(['gate', gate.name], { signal: abort.signal }))
  await gate.heard('here')
  abort.abort()
  t.equal((await cancelled).name, 'CancelledError')

  // Stopped at once, an executor's requests are sent again.
  let starts = 0
  for (const executor of executors) executor.on('started', () => starts++)
  const last = new Gate(t)
  const call = client.call(['gate', last.name])
  await last.heard('here')
  for (const executor of executors.slice(0, 2)) await executor.stopNow()
  while ((await statistics(observer)).computing === 0);
  await last.heard('here', starts)
  last.open()
  t.equal(await call, 'go')
  t.strictSame(server.log.match(/.*violation.*/gi) ?? [], [])
})

const LACK = "the server's permissions of this user lack (docs/permissions.md):"
const lacks = (...rights: string[]) => [LACK, ...rights].join('\n  ')

for (const [missing, verbs] of [
  ['"acts executors"', ['subscribe']],
  ['"_EXEC.find.acts"', ['subscribe']],
  ['"_EXEC.hold.acts.*"', ['subscribe']],
  ['"_EXEC.peer.executors.acts.*"', ['subscribe', 'publish']],
  ['"_EXEC.pool.executors.acts"', ['subscribe', 'publish']],
  ['"_EXEC.match.executors.acts"', ['publish', 'subscribe']],
  ['"_INBOX.executor.acts.>"', ['subscribe']],
  ['"_INBOX.>"', ['publish']],
] as const)
  t.test(`an executor without ${missing} ends and says so`, async t => {
    const server = await startServer(t, users(rights('executor').replaceAll(missing, '')))
    const executor = newExecutor(t, server, { connection: as(server, 'executor') })
    const warnings: string[] = []
    // On a busy machine the module may load slowly.
    executor.on('warning', text => warnings.push(text))
    t.equal((await rejection(executor.start())).message, lacks(...verbs.map(verb => `${verb}: ${missing}`)))
    t.strictSame(warnings, [], 'once')
  })

t.test('one that may not become the matchmaker ends, too', async t => {
  // It may publish there, which is said later.
  const server = await startServer(t, users(rights('executor').replace('"_EXEC.match.executors.acts"', '')))
  const error = await rejection(newExecutor(t, server, { connection: as(server, 'executor') }).start())
  t.equal(error.message, lacks('subscribe: "_EXEC.match.executors.acts"'))
})

t.test("what others lack on a connection that was handed in is not the executor's", async t => {
  const denied = 'publish: { deny: "other" }, subscribe: { deny: ["rest", "rest.*"] }'
  const server = await startServer(t, `authorization { users: [{ user: u, password: p, permissions: { ${denied} } }] }`)
  const connection = await connectTo(t, server, { user: 'u', pass: 'p' })
  const publishing = setInterval(() => connection.publish('other'), 0)
  t.teardown(() => clearInterval(publishing))
  const executor = newExecutor(t, server, { connection })
  const warnings: string[] = []
  executor.on('warning', text => warnings.push(text))
  const rest = rejection(newExecutor(t, server, { connection, service: 'rest' }).start())
  await executor.start()
  t.equal((await rest).message, lacks('subscribe: "rest executors"', 'subscribe: "rest.* executors"'))
  await connection.flush()
  t.strictSame(warnings, [])
})

t.test('an inbox prefix that it may not publish to is missing, too', async t => {
  const server = await startServer(t, users())
  const options = { connection: as(server, 'executor'), inboxPrefixes: ['_INBOX', 'elsewhere'] }
  t.match(await rejection(newExecutor(t, server, options).start()), { message: lacks('publish: "elsewhere.>"') })
})

t.test('accounts: executors in one, clients in another', async t => {
  const text = readFileSync(new URL('docs/permissions.md', root), 'utf8')
  const accounts = /^accounts \{[^]*?^\}/m
    .exec(text)![0]
    .replaceAll('fibonacci', 'acts')
    .replaceAll(/\$\w+_PASSWORD/g, 'pw')
  const server = await startServer(t, accounts)
  const connection = (user: string) => ({ servers: server.url, user, pass: 'pw' })
  const computed = new EventEmitter()
  const started: string[] = []
  const executors = [1, 2].map(() => newExecutor(t, server, { connection: connection('executor') }))
  for (const executor of executors) {
    executor.on('started', ({ requestId }) => {
      started.push(requestId)
      computed.emit('started')
    })
    await executor.start()
  }
  const client = newClient(t, server, { connection: connection('client') })
  const results = await Promise.all([4000, 2000, 3000].map(ms => client.call(['sleep', ms])))
  t.strictSame(results, [4000, 2000, 3000])
  t.equal(started.length, 3, 'each is computed once')
  const nc = await connectTo(t, server, connection('client'))
  t.equal((await nc.request('acts', '["echo",1]', { timeout: 10_000 })).json(), 1)
  // An executor that dies is found out over accounts, too.
  const waiting = once(computed, 'started')
  const call = client.call(['sleep', 1500])
  await waiting
  const holder = started.at(-1)
  await executors[0]!.stopNow()
  t.equal(await call, 1500)
  t.ok(started.filter(id => id === holder).length <= 2)
})

t.test('20 subscriptions are enough for an executor', async t => {
  const server = await startServer(t, 'max_subscriptions: 20')
  for (let i = 0; i < 2; i++) await startExecutor(t, server)
  const client = newClient(t, server)
  await Promise.all(Array.from({ length: 20 }, () => client.call(['sleep', 20])))
  const subscriptions = await server.subscriptions()
  for (const subject of ['acts', '_EXEC.pool.executors.acts', '_EXEC.find.acts', '$SRV.STATS'])
    t.equal(subscriptions.filter(name => name === subject).length, 2, subject)
  t.equal(subscriptions.filter(name => name === '_EXEC.match.executors.acts').length, 1)
})
