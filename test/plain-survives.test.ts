// A plain request, of a client that knows nothing of executors, survives its executor: a copy of it is with another one.
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type Msg, type NatsConnection, headers as newHeaders } from 'nats'
import { newClient, rejection, startExecutor, statistics } from './fixtures/library.js'
import { startLink } from './fixtures/link.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'
import { type Process, run } from './fixtures/processes.js'

t.jobs = 2

const ACTS = ['--service', 'acts', 'test/fixtures/acts.mjs', '--log=json']

async function startExecutors(t: Test, server: Server, count: number, flags: string[] = []): Promise<Process[]> {
  const all = Array.from({ length: count }, () => run(t, 'executor', ['--servers', server.url, ...ACTS, ...flags]))
  await Promise.all(all.map(executor => executor.line(/"ready"/)))
  return all
}

const ask = (nc: NatsConnection, ...act: unknown[]) => nc.request('acts', JSON.stringify(act), { timeout: 60_000 })

for (const [name, watcher] of [
  ['of three executors one is killed', undefined],
  ['and with somebody who listens to everything', '>'],
] as const)
  t.test(`40 requests of 1 to 3 s: ${name}`, async t => {
    const server = await startServer(t)
    const executors = await startExecutors(t, server, 3, ['--concurrency', '8', '--processes', '1'])
    const nc = await connectTo(t, server)
    if (watcher) (await connectTo(t, server)).subscribe(watcher, { callback: () => {} })
    const durations = Array.from({ length: 40 }, (_, i) => 1000 + 50 * i)
    const answers = durations.map(ms => ask(nc, 'sleep', ms))
    await executors[0]!.line(/"started"/, 8)
    // What it has is known elsewhere a moment later.
    await executors[0]!.line(/"completed"/)
    executors[0]!.kill('SIGKILL')
    const results = await Promise.all(answers.map(answer => answer.then(message => message.json<number>())))
    t.strictSame(results, durations)
  })

t.test('the keeper of the copy may die, and then the holder', async t => {
  const server = await startServer(t)
  const executors = await startExecutors(t, server, 3)
  const nc = await connectTo(t, server)
  const answer = ask(nc, 'sleep', 10_000)
  const holder = await Promise.race(executors.map(executor => executor.line(/"started"/).then(() => executor)))
  // Any of the others may be the keeper: each of them dies once.
  for (const other of executors.filter(executor => executor !== holder)) {
    other.kill('SIGKILL')
    await other.exit
    const [next] = await startExecutors(t, server, 1)
    await once(process, 'never', { signal: AbortSignal.timeout(3500) }).catch(() => {})
    executors.push(next!)
  }
  holder.kill('SIGKILL')
  t.equal((await answer).json(), 10_000)
})

t.test('a copy is dropped when its request is over', async t => {
  const server = await startServer(t)
  await startExecutors(t, server, 2)
  const nc = await connectTo(t, server)
  for (let i = 0; i < 5; i++) await ask(nc, 'sleep', 250)
  await once(process, 'never', { signal: AbortSignal.timeout(3000) }).catch(() => {})
  const before = (await statistics(nc)).messages
  t.ok(before > 0)
  // Nothing was computed by who had only a copy.
  const stats = nc.subscribe('_INBOX.stats')
  nc.publish('$SRV.STATS.acts', '', { reply: '_INBOX.stats' })
  let requests = 0
  let count = 0
  for await (const message of stats) {
    requests += message.json<any>().endpoints[0].num_requests
    if (++count === 2) break
  }
  t.equal(requests, 5)
})

t.test('a holder that stops in order leaves nothing to be computed again', async t => {
  const server = await startServer(t)
  const executors = await startExecutors(t, server, 3)
  const nc = await connectTo(t, server)
  const answers = Array.from({ length: 12 }, (_, i) => ask(nc, 'sleep', 300 + i))
  for (const executor of executors.slice(0, 2)) {
    await executor.line(/"completed"/)
    executor.kill('SIGTERM')
    t.equal(await executor.exit, 0)
  }
  await Promise.all(answers)
  // Longer than a keeper takes to notice that a holder is gone.
  await once(process, 'never', { signal: AbortSignal.timeout(2500) }).catch(() => {})
  const started = executors.flatMap(({ stdout }) => stdout.filter(line => line.includes('"started"')))
  t.equal(started.length, answers.length)
})

t.test('one whose client sends it again as well is computed once where its copy is', async t => {
  const server = await startServer(t)
  const executors = await startExecutors(t, server, 2, ['--concurrency', '4'])
  const nc = await connectTo(t, server)
  const copied = new Promise<void>(resolve => {
    const callback = (_: unknown, { headers }: Msg) => headers?.get('Dispatch') === 'copy' && resolve()
    nc.subscribe('_EXEC.peer.executors.acts.*', { callback })
  })
  await nc.flush()
  const answer = newClient(t, server).call(['sleep', 2500], { detached: true })
  const holder = await Promise.race(executors.map(executor => executor.line(/"started"/).then(() => executor)))
  await copied
  holder.kill('SIGKILL')
  t.equal(await answer, 2500)
  const started = executors.flatMap(({ stdout }) => stdout.filter(line => line.includes('"started"')))
  t.equal(started.length, 2)
})

t.test('one that is detached kills three executors, whoever finds out', async t => {
  const server = await startServer(t)
  const executors = await startExecutors(t, server, 4, ['--concurrency', '1'])
  const client = newClient(t, server)
  const error = await rejection(client.call(['kill', 300], { detached: true }))
  t.match(error, { name: 'ExecutorDiedError', losses: 3 })
  t.equal(executors.filter(({ isRunning }) => isRunning).length, 1)
  // Whoever has a copy would have found out by the end of this.
  t.equal(await client.call(['sleep', 2500]), 2500)
})

t.test('one that joined another survives its executor as well, for as long as it waits', async t => {
  const server = await startServer(t)
  const executors = await startExecutors(t, server, 2)
  const [first, second] = [await connectTo(t, server), await connectTo(t, server)]
  const copies = first.subscribe('_EXEC.peer.executors.acts.*')
  const call = (nc: NatsConnection, subject: string, timeoutMs: string) => {
    const headers = newHeaders()
    headers.set('Request-Id', 'same')
    headers.set('Timeout-Ms', timeoutMs)
    return nc.request(subject, '["sleep",2500]', { headers, timeout: 10_000 })
  }
  const answers = [call(first, 'acts', '1000')]
  const holder = await Promise.race(executors.map(executor => executor.line(/"started"/).then(() => executor)))
  const { executorId } = JSON.parse(holder.stdout.find(line => line.includes('"ready"'))!)
  for await (const { headers } of copies) {
    if (headers?.get('Dispatch') !== 'copy') continue
    if (answers.length > 1) break
    answers.push(call(second, `_EXEC.hold.acts.${executorId}`, '60000'))
  }
  await second.flush()
  holder.kill('SIGKILL')
  for (const answer of await Promise.all(answers)) t.equal(answer.json(), 2500)
})

t.test('one that is detached makes the one that it joins so', async t => {
  const server = await startServer(t)
  for (let i = 0; i < 2; i++) await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const copies = nc.subscribe('_EXEC.peer.executors.acts.*')
  const notices = nc.subscribe('_INBOX.mine.*')
  const send = (subject: string, inbox: string, more: object) => {
    const headers = newHeaders()
    const said = { 'Request-Id': 'same', 'Request-Key': 'key', Notices: '1', ...more }
    for (const [name, value] of Object.entries(said)) headers.set(name, value)
    nc.publish(subject, '["sleep",3000]', { headers, reply: `_INBOX.mine.${inbox}` })
  }
  send('acts', 'first', {})
  for await (const { headers } of notices) {
    send(`_EXEC.hold.acts.${headers!.get('Executor-Id')}`, 'second', { Detached: '1' })
    break
  }
  for await (const { headers } of copies) {
    if (headers?.get('Dispatch') !== 'copy') continue
    t.equal(headers.get('Detached'), '1')
    t.equal(headers.get('Reply-To'), '_INBOX.mine.first _INBOX.mine.second')
    break
  }
})

t.test('one that is detached and was lost before has a copy as well', async t => {
  const server = await startServer(t)
  for (let i = 0; i < 2; i++) await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const headers = newHeaders()
  const said = { 'Request-Id': 'lost', 'Request-Key': 'key', Notices: 'first', Detached: '1', Attempt: '2' }
  for (const [name, value] of Object.entries(said)) headers.set(name, value)
  const seen = nc.subscribe('>')
  nc.publish('acts', '["sleep",1500]', { headers, reply: '_INBOX.mine.lost' })
  for await (const { subject, headers } of seen) {
    const isReply = subject === '_INBOX.mine.lost' && !headers?.get('Notice')
    if (isReply || headers?.get('Dispatch') === 'copy') return t.notOk(isReply)
  }
})

t.test('a copy that comes as its keeper stops is nothing for it', async t => {
  const server = await startServer(t)
  const link = await startLink(t, server.port)
  const connection = await connectTo(t, server, { servers: link.url })
  const executor = await startExecutor(t, server, { connection })
  const nc = await connectTo(t, server)
  let questions = 0
  nc.subscribe('_EXEC.peer.executors.acts.holder', { callback: () => void questions++ })
  const head = newHeaders()
  const copy = { Dispatch: 'copy', Ticket: 't', Holder: 'holder', 'Waited-Ms': '100', 'Reply-To': '_INBOX.nobody' }
  for (const [name, value] of Object.entries(copy)) head.set(name, value)
  link.delay(150)
  const stopped = executor.stopNow()
  nc.publish(`_EXEC.peer.executors.acts.${executor.id}`, '["echo",1]', { headers: head })
  await stopped
  link.delay(0)
  // It would ask twice a second.
  await once(process, 'never', { signal: AbortSignal.timeout(1000) }).catch(() => {})
  await connection.flush()
  await nc.flush()
  t.equal(questions, 0)
})

t.test('nobody takes one over with which three executors died', async t => {
  const server = await startServer(t)
  const { id } = await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const send = (Attempt: number) => {
    const headers = newHeaders()
    const copy = {
      Dispatch: 'copy',
      Ticket: `t${Attempt}`,
      Holder: 'dead',
      'Waited-Ms': '100',
      'Reply-To': '_INBOX.mine',
    }
    for (const [name, value] of Object.entries({ ...copy, Attempt })) headers.set(name, String(value))
    nc.publish(`_EXEC.peer.executors.acts.${id}`, '["context"]', { headers })
  }
  const answer = async () => {
    for await (const { headers } of nc.subscribe('_INBOX.mine', { max: 1 }))
      return headers!.get('Nats-Service-Error-Code')
    return undefined
  }
  const first = answer()
  send(2)
  t.equal(await first, '', 'it is computed')
  const second = answer()
  send(3)
  t.equal(await second, '500')
})
