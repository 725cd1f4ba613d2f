// Executors and clients that others have written understand ours: both are here in plain JavaScript, on a bare connection.
import { fileURLToPath } from 'node:url'
import type { Msg } from 'nats'
import t, { type Test } from 'tap'
import { newClient, rejection } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

const plain = (t: Test, name: string, ...args: string[]) =>
  runFile(t, process.execPath, [fileURLToPath(new URL(`fixtures/plain-${name}.mjs`, import.meta.url)), ...args])

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
  const client = newClient(t, server, { subject: 'plain' })
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
  const client = newClient(t, server, { subject: 'plain' })
  const told = noticed(t, server, 6)
  const calls = Promise.all(Array.from({ length: 6 }, (_, i) => client.call(['sleep', 300, i])))
  await told
  executors[0]!.kill('SIGKILL')
  t.strictSame(await calls, [0, 1, 2, 3, 4, 5])
})

t.test('a cancelled one is ended', async t => {
  const { server } = await startPlain(t, 1)
  const client = newClient(t, server, { subject: 'plain' })
  const abort = new AbortController()
  const told = noticed(t, server)
  const long = rejection(client.call(['sleep', 60_000], { signal: abort.signal }))
  const next = client.call(['echo', 'next'])
  await told
  abort.abort()
  t.match(await long, { name: 'CancelledError' })
  t.equal(await next, 'next')
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
