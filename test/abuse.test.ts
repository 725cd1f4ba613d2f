// What a client with nothing but its rights, or a stranger on an open server, may try: nobody else loses a request or an answer, and no
// executor grows or is talked into anything.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type NatsConnection, createInbox, headers } from 'nats'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'
import { Gate } from './fixtures/gate.js'
import { newClient, rejection, startExecutor, statistics } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'
import { rawConnection } from './fixtures/raw-connection.js'

const ACTS = ['--service', 'acts', 'test/fixtures/acts.mjs']

/** Calls one after the other, until it is told to stop; then how many were answered. */
function honest(t: Test, server: Server) {
  const client = newClient(t, server)
  const end = new AbortController()
  const answered = (async () => {
    let count = 0
    while (!end.signal.aborted) if ((await client.call(['echo', count])) === count) count++
    return count
  })()
  return () => {
    end.abort()
    return answered
  }
}

const residentMiB = (pid: number) =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

async function startProcess(t: Test, server: Server, ...flags: string[]) {
  const executor = run(t, 'executor', ['--servers', server.url, ...ACTS, ...flags])
  await executor.line(/Awaiting|"ready"/)
  return executor
}

const head = (entries: Record<string, string>) => {
  const all = headers()
  for (const [name, value] of Object.entries(entries)) all.set(name, value)
  return all
}

t.test('an executor publishes to inboxes alone, whatever it is asked', async t => {
  const server = await startServer(t, `jetstream { store_dir: "${t.testdir({ store: {} })}/store" }`)
  const nc = await connectTo(t, server)
  const jsm = await nc.jetstreamManager()
  await jsm.streams.add({ name: 'precious', subjects: ['precious'] })
  const executor = await startExecutor(t, server)
  const { id } = executor
  const targets = [
    '$JS.API.STREAM.DELETE.precious',
    `_EXEC.peer.executors.acts.${id}`,
    `_EXEC.hold.acts.${id}`,
    '_EXEC.pool.executors.acts',
    '_EXEC.match.executors.acts',
    '_EXEC.find.acts',
    '$SRV.PING',
    'acts',
    'victim',
    '_INBOXES.victim',
    '_INBOX',
    '_INBOX..victim',
    '_INBOX.victim.',
    '_INBOX.*',
    '_INBOX.>',
    `_INBOX.${'x'.repeat(260)}`,
  ]
  const heard: string[] = []
  for (const subject of ['victim', '_INBOXES.victim'])
    nc.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) })
  const stop = honest(t, server)
  const stranger = await rawConnection(t, server)
  const questions: [string, string][] = [
    ['acts', '["echo",1]'],
    ['acts', 'no JSON'],
    ['$SRV.PING', ''],
    [`$SRV.STATS.acts.${id}`, ''],
    ['_EXEC.find.acts', '{"ids":["a"]}'],
    [`_EXEC.hold.acts.${id}`, '{"ids":["a"]}'],
  ]
  for (const [subject, body] of questions)
    for (const reply of targets) stranger.publish(subject, reply, 'NATS/1.0\r\nNats-Msg-Id: 1', body)
  await stranger.flush()
  await nc.request('acts', '["echo",1]', { timeout: 10_000 })
  t.ok((await stop()) > 0)
  t.strictSame(heard, [])
  t.equal((await jsm.streams.info('precious')).config.name, 'precious')
  t.ok((await statistics(nc)).dropped >= questions.length * 10)
})

t.test('messages that only look as if executors sent them take nothing away', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const client = newClient(t, server)
  const gate = new Gate(t)
  const long = client.call(['gate', gate.name])
  await gate.heard('here')
  const waiting = Array.from({ length: 24 }, (_, i) => client.call(['echo', i]))
  while ((await statistics(nc)).backlog < waiting.length);
  const subjects = [
    `_EXEC.peer.executors.acts.${executor.id}`,
    '_EXEC.match.executors.acts',
    '_EXEC.pool.executors.acts',
  ]
  for (const subject of subjects)
    for (const code of ['408', '503', '']) {
      const error = head({ 'Nats-Service-Error-Code': code, 'Nats-Service-Error': 'x' })
      for (let i = 0; i < 24; i++) nc.publish(subject, '{"give":[["a","b"]]}', { headers: error, reply: createInbox() })
    }
  // Even with the header, as one may on an open server: what is ordered away and cannot arrive is here again.
  const give = Array.from({ length: 30 }, (_, i) => [`${executor.id.slice(0, 10)}-${i.toString(36)}`, 'nobody'])
  nc.publish(subjects[0]!, JSON.stringify({ give }), { headers: head({ Dispatch: 'order' }) })
  await nc.flush()
  gate.open()
  t.strictSame(
    await Promise.all(waiting),
    waiting.map((_, i) => i),
  )
  t.equal(await long, 'go')
})

t.test('a client that is gone, and one that sends too much', async t => {
  const server = await startServer(t)
  const executor = await startProcess(t, server, '--longest-wait', '3')
  const idle = residentMiB(executor.pid)
  const stop = honest(t, server)
  const nc = await connectTo(t, server)
  const before = await server.inBytes()
  // Results of 900 kB that take 150 ms, for an inbox that nobody has.
  for (let i = 0; i < 5; i++) nc.publish('acts', '["slowText",900000]', { reply: `_INBOX.nobody.${i}` })
  while ((await statistics(nc)).computing + (await statistics(nc)).backlog > 0) await sleep(50)
  await sleep(1000)
  const sent = ((await server.inBytes()) - before) / 1e6
  t.ok(sent < 8, `${sent.toFixed(1)} MB for 4.5 MB of results`)
  // Requests of 1 MB, more than fit.
  const large = `["size","${'x'.repeat(1e6 - 1000)}"]`
  const gate = new Gate(t)
  nc.publish('acts', JSON.stringify(['gate', gate.name]), { reply: '_INBOX.nobody.gate' })
  await gate.heard('here')
  for (let i = 0; i < 300; i++) {
    nc.publish('acts', large, { reply: `_INBOX.nobody.large.${i}` })
    if (i % 10 === 0) await nc.flush()
  }
  await nc.flush()
  while ((await statistics(nc)).backlog > 1) await sleep(50)
  const grown = residentMiB(executor.pid) - idle
  t.ok(grown < 64 + 150, `${grown.toFixed(0)} MiB more`)
  gate.open()
  t.ok((await stop()) > 0)
  t.equal((await statistics(nc)).computing, 0, 'what has no deadline ends after the longest wait')
})

t.test('who reads an id in a log can neither cancel the request nor have its reply', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server, { concurrency: 2 })
  const client = newClient(t, server)
  const nc = await connectTo(t, server)
  const gate = new Gate(t)
  const body = JSON.stringify(['gate', gate.name])
  const call = client.request(JSON.parse(body), { requestId: 'seen-in-a-log' })
  await gate.heard('here')
  for (const key of [undefined, 'guessed'])
    for (const subject of ['_EXEC.find.acts', `_EXEC.hold.acts.${executor.id}`]) {
      const question = JSON.stringify({ key, ids: ['seen-in-a-log'], cancel: ['seen-in-a-log'] })
      const answer = await nc.request(subject, question, { timeout: 300 }).catch(() => undefined)
      const status = answer?.json<object>() ?? {}
      t.notOk('computing' in status || 'cancelled' in status, JSON.stringify(status))
    }
  // Sent once more by somebody else it is another request, which waits for its own gate.
  const stolen: string[] = []
  const inbox = nc.subscribe(createInbox(), { callback: (_, message) => void stolen.push(message.string()) })
  nc.publish('acts', body, { headers: head({ 'Request-Id': 'seen-in-a-log' }), reply: inbox.getSubject() })
  await gate.heard('here', 2)
  gate.open()
  t.match(await call, { result: 'go', requestId: 'seen-in-a-log' })
  while (stolen.length === 0) await nc.flush()
  t.strictSame(stolen, ['"go"'], 'its own answer')
})

for (const log of ['text', 'json'])
  t.test(`200,000 messages without a reply subject, and 2,000 refusals, in a log: ${log}`, async t => {
    const server = await startServer(t)
    const executor = await startProcess(t, server, '--log', log)
    const nc: NatsConnection = await connectTo(t, server)
    for (let i = 0; i < 200_000; i++) {
      nc.publish('acts', '1')
      if (i % 5000 === 0) await nc.flush()
    }
    for (let i = 0; i < 2000; i++)
      nc.publish('acts', 'no JSON', { headers: head({ 'Request-Id': 'a.b' }), reply: '_INBOX.nobody' })
    await nc.flush()
    while ((await statistics(nc)).dropped < 200_000) await sleep(20)
    executor.kill()
    await executor.exit
    const lines = executor.output.split('\n')
    t.ok(lines.length < 400, `${lines.length} lines`)
    t.ok(
      lines.some(line => /without a reply subject.*more/.test(line)),
      'they are summed up',
    )
  })

t.test('an executor of another function, with its own rights, gets none of the requests', async t => {
  const config = (service: string) =>
    readFileSync(new URL('config/executor.conf', root), 'utf8').replaceAll('fibonacci', service)
  const server = await startServer(
    t,
    `authorization { users: [
      { user: acts, password: pw, permissions: { ${config('acts')} } }
      { user: other, password: pw, permissions: { ${config('other')} } }
      { user: client, password: pw, permissions: { ${readFileSync(new URL('config/client.conf', root), 'utf8').replaceAll('fibonacci', 'acts')} } }
    ] }`,
  )
  const as = (user: string) => ({
    servers: server.url,
    user,
    pass: 'pw',
    inboxPrefix: `_INBOX.${user === 'client' ? user : `executor.${user}`}`,
  })
  const executor = await startExecutor(t, server, { connection: as('acts') })
  const thief = await connectTo(t, server, as('other'))
  const refused: string[] = []
  for (const subject of [
    'acts',
    `_EXEC.peer.executors.acts.${executor.id}`,
    '_EXEC.match.executors.acts',
    '_EXEC.pool.executors.acts',
  ]) {
    thief.subscribe(subject, { queue: 'executors', callback: error => error && refused.push(subject) })
    thief.publish(subject, '{"give":[]}', { headers: head({ Dispatch: 'order' }) })
  }
  await thief.flush()
  await thief.flush()
  t.equal(refused.length, 4)
  const client = newClient(t, server, { connection: as('client') })
  const results = await Promise.all(Array.from({ length: 14 }, (_, i) => client.call(['echo', i])))
  t.strictSame(
    results,
    Array.from({ length: 14 }, (_, i) => i),
  )
  t.equal(
    (await rejection(newClient(t, server, { connection: as('client'), service: 'other' }).call(1, { timeout: 1000 })))
      .code,
    503,
  )
})
