// Executors and clients that others have written understand ours: both are here in plain JavaScript, on a bare connection.
import { fileURLToPath } from 'node:url'
import { type Msg, headers } from 'nats'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'
import { Dispatch, type Report } from '../lib/protocol/dispatch.js'
import { newClient, rejection } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

const plain = (t: Test, name: string, ...args: string[]) =>
  runFile(t, process.execPath, [fileURLToPath(new URL(`test/fixtures/plain-${name}.mjs`, root)), ...args])

/** Resolves when a client was told that many times that a request is held, or computed. */
async function noticed(t: Test, server: Server, count = 1) {
  const nc = await connectTo(t, server)
  return new Promise<void>(resolve => {
    const callback = (_: unknown, { headers }: Msg) => {
      if (headers?.has('Notice') && --count === 0) resolve()
    }
    nc.subscribe('_INBOX.>', { callback })
  })
}

async function startPlain(t: Test, count: number) {
  const server = await startServer(t)
  const executors = Array.from({ length: count }, () => plain(t, 'executor', server.url, 'plain'))
  await Promise.all(executors.map(executor => executor.line(/ready/)))
  return { server, executors }
}

t.test('a client of ours', async t => {
  const { server } = await startPlain(t, 2)
  const client = newClient(t, server, { service: 'plain' })
  t.equal(await client.call(['echo', 1]), 1)
  t.match(await rejection(client.call(['throws', 'on purpose'])), { name: 'ExecutionError', message: 'on purpose' })
  const nc = await connectTo(t, server)
  let sent = 0
  nc.subscribe('plain', { callback: () => sent++ })
  await nc.flush()
  t.equal(await client.call(['sleep', 1500]), 1500, 'one that takes its time')
  t.equal(sent, 1, 'it is sent once')
})

t.test('what a killed executor held is sent again', async t => {
  const { server, executors } = await startPlain(t, 2)
  const client = newClient(t, server, { service: 'plain' })
  const told = noticed(t, server, 6)
  const calls = Promise.all(Array.from({ length: 6 }, (_, i) => client.call(['sleep', 300, i])))
  await told
  executors[0]!.kill('SIGKILL')
  t.strictSame(await calls, [0, 1, 2, 3, 4, 5])
})

t.test('of a request that kills its executors three die', async t => {
  const { server, executors } = await startPlain(t, 5)
  const client = newClient(t, server, { service: 'plain' })
  const killer = rejection(client.call(['dies']))
  const others = Array.from({ length: 20 }, (_, i) => client.call(['sleep', 50, i]))
  t.match(await killer, { name: 'ExecutorDiedError', attempts: 3, losses: 3 })
  t.strictSame(await Promise.all(others), [...others.keys()])
  t.equal(executors.filter(({ isRunning }) => isRunning).length, 2)
})

t.test('a cancelled one is ended', async t => {
  const { server } = await startPlain(t, 1)
  const client = newClient(t, server, { service: 'plain' })
  const abort = new AbortController()
  const told = noticed(t, server)
  const long = rejection(client.call(['sleep', 60_000], { signal: abort.signal }))
  const next = client.call(['echo', 'next'])
  await told
  abort.abort()
  t.match(await long, { name: 'CancelledError' })
  t.equal(await next, 'next')
})

t.test('a plain executor gives what waits to another one, at the word of a matchmaker', async t => {
  const { server, executors } = await startPlain(t, 1)
  const nc = await connectTo(t, server)
  const [holder = ''] = (await executors[0]!.line(/ready/)).split(' ').slice(1)
  const reports: Report[] = []
  const callback = (_: unknown, { data }: Msg) => void reports.push(JSON.parse(new TextDecoder().decode(data)))
  nc.subscribe('_EXEC.match.executors.plain', { callback })
  await nc.flush()
  const until = async (isIt: (report: Report) => unknown) => {
    for (;;) {
      const found = reports.find(isIt)
      if (found) return found
      await nc.flush()
    }
  }
  const client = newClient(t, server, { service: 'plain' })
  const long = client.request(['sleep', 1500])
  const told = noticed(t, server, 2)
  const waiting = client.request(['echo', 'given'])
  const { tickets: [ticket] = [], slots, free } = await until(({ tickets = [] }) => tickets.length > 0)
  t.match([slots, free], [1, 0])
  await told
  const other = plain(t, 'executor', server.url, 'plain')
  const [heir = ''] = (await other.line(/ready/)).split(' ').slice(1)
  const head = headers()
  head.set('Dispatch', Dispatch.order)
  nc.publish(`_EXEC.peer.executors.plain.${holder}`, JSON.stringify({ give: [[ticket![0], heir]] }), { headers: head })
  t.match(await waiting, { result: 'given', executorId: heir })
  t.match(await until(({ took = [] }) => took.length > 0), { id: heir, took: [ticket![0]] })
  t.match(await long, { result: 1500, executorId: holder })
  nc.publish('_EXEC.pool.executors.plain', JSON.stringify({ id: 'new' }))
  reports.length = 0
  const full = await until(report => report.full)
  t.match(full, { slots: 1, free: 1, tickets: [] })
})

t.test('a plain client', async t => {
  const { server, executors } = await startPlain(t, 2)
  const client = plain(t, 'client', server.url, 'plain', '["sleep",1500,7]', '["echo",8]', '["throws","no"]')
  t.equal(await client.exit, 0)
  t.strictSame(client.stdout.filter(line => !line.startsWith('held')).toSorted(), [
    '["echo",8] 8',
    '["sleep",1500,7] 7',
    '["throws","no"] 500 no',
  ])
  t.ok(client.stdout.includes('held ["sleep",1500,7]'))
  const patient = plain(t, 'client', server.url, 'plain', '["sleep",3000,9]')
  await patient.line(/held/)
  executors[0]!.kill('SIGKILL')
  t.equal(await patient.exit, 0)
  t.equal(patient.stdout.at(-1), '["sleep",3000,9] 9')
  const impatient = plain(t, 'client', server.url, 'plain', '["sleep",60000]')
  await impatient.line(/held/)
  impatient.kill('SIGINT')
  t.equal(await impatient.exit, 130)
  t.equal(impatient.stdout.at(-1), 'cancelled 1')
})
