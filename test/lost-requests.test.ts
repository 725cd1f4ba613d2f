import { once } from 'node:events'
import { headers } from 'nats'
import t from 'tap'
import { root } from '../dev/root.js'
import { Gate } from './fixtures/gate.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { newClient, rejection, startExecutor, statistics } from './fixtures/library.js'
import { run } from './fixtures/processes.js'

const SLEEP = new URL('dist/lib/functions/sleep.js', root)
const FLAGS = ['--service', 'sleep', 'dist/lib/functions/sleep.js']
const AWAITING = /Awaiting/

t.test('requests of an executor that is killed are computed by another', async t => {
  const server = await startServer(t)
  const spawn = () => run(t, 'executor', ['--servers', server.url, ...FLAGS])
  const executors = [spawn(), spawn(), spawn()]
  await Promise.all(executors.map(executor => executor.line(AWAITING)))
  const client = newClient(t, server, { service: 'sleep' })
  const calls = Promise.all(Array.from({ length: 24 }, () => client.call(100)))
  await executors[0]!.line(/calling/)
  executors[0]!.kill('SIGKILL')
  t.equal((await calls).length, 24)
})

t.test('all executors are killed, and new ones come', async t => {
  const server = await startServer(t)
  const spawn = () => run(t, 'executor', ['--servers', server.url, ...FLAGS])
  const executors = [spawn(), spawn()]
  await Promise.all(executors.map(executor => executor.line(AWAITING)))
  const client = newClient(t, server, { service: 'sleep' })
  const calls = Promise.all(Array.from({ length: 50 }, () => client.call(50)))
  await executors[0]!.line(/calling/, 3)
  for (const executor of executors) executor.kill('SIGKILL')
  await Promise.all(executors.map(({ exit }) => exit))
  spawn()
  t.equal((await calls).length, 50)
})

t.test('with retries 0 a lost request is an error, and computed at most once', async t => {
  const server = await startServer(t)
  const executor = run(t, 'executor', ['--servers', server.url, ...FLAGS])
  await executor.line(AWAITING)
  const client = newClient(t, server, { service: 'sleep', retries: 0 })
  const failure = rejection(client.call(60_000))
  await executor.line(/calling/)
  executor.kill('SIGKILL')
  t.match(await failure, { name: 'RequestLostError', code: 503 })
})

t.test('so is one that is detached: nobody takes it over', async t => {
  const server = await startServer(t)
  const seen = (await connectTo(t, server)).subscribe('>')
  const executors = [1, 2].map(() => run(t, 'executor', ['--servers', server.url, ...FLAGS]))
  await Promise.all(executors.map(executor => executor.line(AWAITING)))
  // Both know each other: one has told the other one, the matchmaker, of itself.
  for await (const { subject } of seen) if (subject.startsWith('_EXEC.match.')) break
  const client = newClient(t, server, { service: 'sleep' })
  const failure = rejection(client.call(60_000, { retries: 0, detached: true }))
  const holder = await Promise.race(executors.map(executor => executor.line(/calling/).then(() => executor)))
  const [other] = executors.filter(executor => executor !== holder)
  // A copy would be on its way before that.
  const notices = (await connectTo(t, server)).subscribe('_INBOX.>')
  for await (const { headers: head } of notices) if (head?.get('Notice')) break
  holder.kill('SIGKILL')
  t.match(await Promise.race([failure, other!.line(/calling/)]), { name: 'RequestLostError', attempts: 1 })
})

t.test('a restart of the server loses nothing, and finished computations are not repeated', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server, { module: SLEEP, service: 'sleep', concurrency: 8 })
  let computed = 0
  executor.on('started', () => computed++)
  const client = newClient(t, server, { service: 'sleep' })
  const calls = Promise.all(Array.from({ length: 32 }, (_, i) => client.call(200 + i)))
  const nc = await connectTo(t, server)
  while ((await statistics(nc, 'sleep')).computing < 8);
  // What is computed while the server is away must still arrive.
  const finished = new Promise<void>(resolve => {
    let left = 16
    executor.on('completed', () => --left === 0 && resolve())
  })
  await new Promise(resolve => setTimeout(resolve, 150))
  await server.kill()
  await finished
  await server.start()
  t.equal((await calls).length, 32)
  t.equal(computed, 32, 'each one was computed once')
})

t.test('nothing that was finished meanwhile is computed again by executors that are back earlier', async t => {
  const server = await startServer(t)
  const REQUESTS = 30
  const connection = (ms: number) => ({ servers: server.url, reconnectTimeWait: ms, reconnectJitter: 0 })
  let started = 0
  const finished = new Set<string>()
  const again: string[] = []
  let tell = () => {}
  for (const ms of [20, 600, 600]) {
    const options = { module: SLEEP, service: 'sleep', concurrency: 3, connection: connection(ms) }
    const executor = await startExecutor(t, server, options)
    executor.on('started', ({ requestId }) => {
      if (finished.has(requestId)) again.push(requestId)
      started++
      tell()
    })
    executor.on('completed', ({ requestId }) => {
      finished.add(requestId)
      tell()
    })
    executor.on('failed', () => tell())
  }
  const until = async (isThere: () => boolean) => {
    while (!isThere()) await new Promise<void>(resolve => (tell = resolve))
  }
  const client = newClient(t, server, { service: 'sleep', connection: connection(10) })
  const durations = Array.from({ length: REQUESTS }, (_, i) => 200 + 10 * i)
  const calls = Promise.all(durations.map(ms => client.call(ms)))
  await until(() => started >= 9)
  await server.kill()
  const gap = new Promise(resolve => setTimeout(resolve, 1000))
  await until(() => finished.size >= 9)
  await gap
  await server.start()
  t.strictSame(await calls, durations)
  t.strictSame(again, [])
})

t.test('who computes a request that another one has answered is told to end it', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  // It is there for those who send to it, but not for those who ask.
  const slow = nc.subscribe('acts', { queue: 'executors', max: 1 })
  await nc.flush()
  const client = newClient(t, server)
  const gate = new Gate(t)
  const call = client.call(['gate', gate.name])
  const { value: request } = await slow[Symbol.asyncIterator]().next()
  const executor = await startExecutor(t, server)
  await gate.heard('here')
  const answered = once(executor, 'failed')
  const head = headers()
  head.set('Request-Id', request.headers.get('Request-Id'))
  request.respond('"late"', { headers: head })
  t.equal(await call, 'late')
  t.match(await answered, [{ code: 499 }])
})

t.test('a request can be asked for and cancelled by whoever has its key', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server, { module: SLEEP, service: 'sleep' })
  const client = newClient(t, server, { service: 'sleep', key: 'secret' })
  const calling = new Promise<string>(resolve => executor.once('started', ({ requestId }) => resolve(requestId)))
  const failure = rejection(client.call(60_000))
  const id = await calling
  const nc = await connectTo(t, server)
  const ask = async (question: object) =>
    (await nc.request(`_EXEC.hold.sleep.${executor.id}`, JSON.stringify(question))).json<any>()
  for (const key of [{}, { key: 'guess' }]) {
    t.match(await ask({ ...key, ids: [id] }), { executorId: executor.id, missing: [id] })
    t.match(await ask({ ...key, cancel: [id] }), { missing: [id] })
  }
  t.match(await ask({ key: 'secret', ids: [id] }), { computing: [id] })
  t.match(await ask({ key: 'secret', cancel: [id] }), { cancelled: [id] })
  t.match(await failure, { name: 'CancelledError', code: 499 })
})
