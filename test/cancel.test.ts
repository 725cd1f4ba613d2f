// Who is not interested any more says so, and the computation ends.
import { once } from 'node:events'
import { type Msg, deferred, headers } from 'nats'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { type Asked, ScriptedExecutor } from './fixtures/scripted-executor.js'

const server = await startServer(t)
const executor = await startExecutor(t, server)
const client = newClient(t, server)

t.test('an aborted signal ends the call and a computation that never ends', async t => {
  const abort = new AbortController()
  const reason = new Error('changed my mind')
  const calling = once(executor, 'started')
  const call = rejection(client.call(['loop'], { signal: abort.signal }))
  await calling
  const answered = once(executor, 'failed')
  abort.abort(reason)
  t.match(await call, { name: 'CancelledError', code: 499, cause: reason })
  t.match(await answered, [{ code: 499, error: 'cancelled by its client' }])
  t.equal(await client.call(['echo', 'next']), 'next')
})

t.test('a function that listens to its signal is told, and keeps its thread', async t => {
  const abort = new AbortController()
  const gate = new Gate(t)
  const call = rejection(client.call(['hears', gate.name], { signal: abort.signal }))
  await gate.heard('here')
  abort.abort()
  await gate.heard('aborted')
  t.match(await call, { name: 'CancelledError' })
})

t.test('it has time to clean up', async t => {
  // A process that has no processor for too long is taken for one that does not listen.
  for (let tries = 1, isTidy = false; !isTidy; tries++) {
    t.ok(tries < 20)
    const abort = new AbortController()
    const gate = new Gate(t)
    const call = rejection(client.call(['tidies', gate.name], { signal: abort.signal }))
    await gate.heard('here')
    abort.abort()
    t.match(await call, { name: 'CancelledError' })
    isTidy = await Promise.race([gate.heard('tidy').then(() => true), gate.left().then(() => false)])
  }
})

t.test('a request that waits is dropped, and never computed', async t => {
  const gate = new Gate(t)
  const called: string[] = []
  const note = ({ argument }: { argument: string }) => called.push(argument)
  executor.on('started', note)
  const first = client.call(['gate', gate.name])
  await gate.heard('here')
  const abort = new AbortController()
  const waiting = rejection(client.call(['echo', 'never computed'], { signal: abort.signal }))
  const last = client.call(['echo', 'last'])
  const answered = once(executor, 'failed')
  abort.abort()
  t.match(await waiting, { name: 'CancelledError' })
  t.match(await answered, [{ code: 499 }])
  gate.open()
  t.equal(await first, 'go')
  t.equal(await last, 'last')
  t.strictSame(called, [`["gate","${gate.name}"]`, '["echo","last"]'])
  executor.off('started', note)
})

t.test('one that is sent again under its id, while it still ends, is computed again', async t => {
  const two = await startExecutor(t, server, { service: 'two', concurrency: 2 })
  const client = newClient(t, server, { service: 'two' })
  const gate = new Gate(t)
  const abort = new AbortController()
  const call = (signal?: AbortSignal) => client.call(['gate', gate.name], { requestId: 'mine', signal })
  const cancelled = rejection(call(abort.signal))
  await gate.heard('here')
  const ended = once(two, 'failed')
  abort.abort()
  t.match(await cancelled, { name: 'CancelledError' })
  const again = call()
  t.match(await ended, [{ code: 499 }])
  await Promise.race([gate.heard('here', 2), again])
  gate.open()
  t.equal(await again, 'go')
})

t.test('one that is sent again under its id in the same turn is none of those that are cancelled', async t => {
  const executors = [
    await startExecutor(t, server, { service: 'three' }),
    await startExecutor(t, server, { service: 'three' }),
  ]
  const client = newClient(t, server, { service: 'three' })
  for (let i = 0; i < 8; i++) {
    const abort = new AbortController()
    const gate = new Gate(t)
    const ended = Promise.race(executors.map(each => once(each, 'failed')))
    const options = { requestId: `again-${i}` }
    const cancelled = rejection(client.call(['gate', gate.name], { ...options, signal: abort.signal }))
    await gate.heard('here')
    abort.abort()
    const again = [client.call(['echo', i], options), client.call(['echo', i], options)]
    t.match(await cancelled, { name: 'CancelledError' })
    t.match(await ended, [{ code: 499 }])
    t.strictSame(await Promise.all(again), [i, i])
  }
})

t.test('one that waits for that may be cancelled itself, and has its timeout', async t => {
  const alone = newClient(t, server, { service: 'nobody' })
  await rejection(alone.call(1, { timeout: 100 }))
  const aborts = [new AbortController(), new AbortController()]
  const options = { requestId: 'twice' }
  const calls = aborts.map(({ signal }) => rejection(alone.call(1, { ...options, signal })))
  aborts[0]!.abort()
  aborts[1]!.abort()
  const late = rejection(alone.call(1, { ...options, timeout: 1 }))
  for (const call of calls) t.match(await call, { name: 'CancelledError' })
  // What is cancelled may be over by then, if this process has little time.
  t.match(await late, { name: /^(Timeout|NoExecutors)Error$/ })
  t.match(await rejection(alone.call(1, { ...options, timeout: 1000 })), { name: 'NoExecutorsError' })
})

t.test('a signal that is aborted already sends nothing', async t => {
  const calling: unknown[] = []
  const note = (call: unknown) => calling.push(call)
  executor.on('started', note)
  const error = await rejection(client.call(['echo', 1], { signal: AbortSignal.abort('no') }))
  t.match(error, { name: 'CancelledError', cause: 'no' })
  await client.call(['echo', 2])
  t.equal(calling.length, 1)
  executor.off('started', note)
})

t.test('closing a client cancels its calls, at the executor too', async t => {
  const other = newClient(t, server)
  const calling = once(executor, 'started')
  const call = rejection(other.call(['loop']))
  await calling
  await other.close()
  t.match(await call, { name: 'CancelledError' })
  t.equal(await client.call(['echo', 'free']), 'free')
})

t.test('while nobody is there', async t => {
  const abort = new AbortController()
  const alone = newClient(t, server, { service: 'nobody' })
  const call = rejection(alone.call(1, { signal: abort.signal }))
  abort.abort()
  t.match(await call, { name: 'CancelledError' })
})

t.test('an id may be called as what any object has', async t => {
  const scripted = new ScriptedExecutor(await connectTo(t, server), 'scripted')
  await scripted.be('x1')
  const client = newClient(t, server, { service: 'scripted' })
  for (const [at, requestId] of ['constructor', '__proto__', 'toString'].entries()) {
    const abort = new AbortController()
    const call = rejection(client.call(1, { requestId, signal: abort.signal }))
    scripted.notify(await scripted.request(at + 1), 'x1', 'computing')
    const asked = await scripted.question(({ executorId, ids }) => executorId === 'x1' && ids.length > 0)
    asked.answer({ executorId: 'x1', computing: [requestId] })
    abort.abort()
    t.match(await call, { name: 'CancelledError' })
    const first = await scripted.question(({ executorId, cancel }) => executorId === 'x1' && cancel.length > 0)
    first.answer({ executorId: 'x1', missing: [requestId] })
    const second = await scripted.question(({ cancel }) => cancel.length > 0)
    t.strictSame([second.executorId, second.cancel], [undefined, [requestId]], 'all are asked')
    second.answer({ executorId: 'x2', cancelled: [requestId] })
  }
  t.notMatch(server.log, /Parse Error/)
})

t.test('one that pauses is not sent while another one of its id is being cancelled', async t => {
  const nc = await connectTo(t, server)
  const scripted = new ScriptedExecutor(nc, 'twins')
  await scripted.be('x1')
  const client = newClient(t, server, { service: 'twins' })
  const abort = new AbortController()
  const requestId = 'twin'
  const say = (request: Msg, body: string, lines: Record<string, string>) => {
    const head = headers()
    for (const [name, value] of Object.entries({ 'Request-Id': requestId, ...lines })) head.set(name, value)
    nc.publish(request.reply!, body, { headers: head })
  }
  const progressed = deferred<unknown>()
  const cancelled = rejection(
    client.call(1, { requestId, signal: abort.signal, onProgress: value => progressed.resolve(value) }),
  )
  const first = await scripted.request()
  scripted.notify(first, 'x1', 'computing')
  const call = client.call(1, { requestId })
  const error = { 'Nats-Service-Error-Code': '429', 'Nats-Service-Error': 'full', 'Retry-After-Ms': '50' }
  say(await scripted.request(2), '', error)
  // What came before is read then.
  say(first, '1', { 'Executor-Id': 'x1', Notice: 'progress' })
  await progressed
  abort.abort()
  t.match(await cancelled, { name: 'CancelledError' })
  const isCancel = ({ cancel }: Asked) => cancel.length > 0
  await scripted.question(isCancel)
  const second = await scripted.question(isCancel)
  t.equal(scripted.requests.length, 2)
  second.answer({ executorId: 'x1', cancelled: [requestId] })
  scripted.respond(await scripted.request(3), 'computed')
  t.equal(await call, 'computed')
})
