// What a client makes of what executors tell of its requests.
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { run } from './fixtures/processes.js'
import { newClient, rejection } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { ScriptedExecutor, idOf } from './fixtures/scripted-executor.js'
import type { ClientOptions } from '../lib/client-options.js'

const server = await startServer(t)

let services = 0
async function start(t: Test, options: ClientOptions = {}) {
  const subject = `service${++services}`
  const nc = await connectTo(t, server)
  const executor = new ScriptedExecutor(nc, subject, options.prefix)
  await executor.be('one')
  const client = newClient(t, server, { service: subject, ...options })
  return { nc, executor, client }
}

t.test('the headers of a request', async t => {
  const { executor, client } = await start(t, { key: 'my-key' })
  const plain = client.call(1)
  const head = (await executor.request()).headers!
  t.strictSame([head.get('Request-Key'), head.get('Notices')], ['my-key', '1'])
  t.notOk(head.has('Priority') || head.has('Detached'))
  void executor.respond(await executor.request(), 'plain')
  t.equal(await plain, 'plain')
  const other = client.request(1, { priority: -7, detached: true, requestId: 'mine' })
  const second = await executor.request(2)
  t.strictSame(
    ['Request-Id', 'Priority', 'Detached'].map(name => second.headers!.get(name)),
    ['mine', '-7', '1'],
  )
  executor.respond(second, 'other')
  t.match(await other, { result: 'other', requestId: 'mine', executorId: 'somebody' })
  const map = client.map([1])[Symbol.asyncIterator]().next()
  const third = await executor.request(3)
  t.equal(third.headers!.get('Priority'), '-1', 'a map is for people who can wait')
  executor.respond(third, 3)
  t.match(await map, { value: { result: 3 } })
})

t.test('a random key, one for each client', async t => {
  const { executor, client } = await start(t)
  const other = newClient(t, server, { service: client.service })
  const calls = [client.call(1), client.call(2), other.call(3)]
  await executor.request(3)
  // They come on two connections.
  const requests = executor.requests.toSorted((a, b) => a.json<number>() - b.json<number>())
  const keys = requests.map(request => request.headers!.get('Request-Key'))
  t.match(keys, [/^[\w-]{21}$/, keys[0], /^[\w-]{21}$/])
  t.equal(new Set(keys).size, 2)
  for (const request of executor.requests) executor.respond(request, 0)
  await Promise.all(calls)
})

t.test('a notice is no answer; its executor is asked for all that it holds in one question', async t => {
  const { executor, client } = await start(t)
  const calls = [1, 2, 3].map(i => client.call(i))
  await executor.request(3)
  const ids = executor.requests.map(idOf)
  for (const request of executor.requests) executor.notify(request, 'one', 'waiting')
  for (let i = 0; i < 3; i++) {
    const { ids: asked, key, executorId, answer } = await executor.question(({ ids }) => ids.length === 3)
    t.strictSame(asked.toSorted(), ids.toSorted())
    t.equal(key, executor.requests[0]!.headers!.get('Request-Key'))
    t.equal(executorId, 'one')
    answer({ executorId: 'one', computing: ids.slice(0, 1), waiting: ids.slice(1) })
  }
  t.strictSame(
    executor.questions.filter(({ executorId }) => executorId === undefined),
    [],
    'all were never asked',
  )
  for (const [i, request] of executor.requests.entries()) executor.respond(request, i)
  t.strictSame(await Promise.all(calls), [0, 1, 2])
  t.equal(executor.requests.length, 3)
})

/** A call that `one` has told of, and of which it was asked. */
async function startHeld(t: Test, state: string, options: ClientOptions = {}) {
  const { nc, executor, client } = await start(t, options)
  const call = client.call(1)
  const request = await executor.request()
  executor.notify(request, 'one', state)
  const question = await executor.question()
  question.answer({ executorId: 'one', [state]: [idOf(request)] })
  return { nc, executor, client, call, request, id: idOf(request) }
}

for (const how of ['the server says that it is gone', 'it says nothing'])
  t.test(`an executor is gone: ${how}`, async t => {
    const { executor, call, request, id } = await startHeld(t, 'computing')
    const from = performance.now()
    if (how !== 'it says nothing') await executor.leave('one')
    const again = await executor.request(2)
    const ms = performance.now() - from
    t.ok(ms < 10_000, `found out after ${Math.round(ms)} ms`)
    t.equal(idOf(again), id)
    t.not(again.reply, request.reply)
    executor.respond(again, 'again')
    t.equal(await call, 'again')
    const { cancel } = await executor.question(({ cancel }) => cancel.length > 0)
    t.strictSame(cancel, [id], 'who has it besides is to end it')
  })

t.test('a request that was given to another one', async t => {
  const { executor, call, request, id } = await startHeld(t, 'waiting')
  await executor.be('two')
  const { answer } = await executor.question(({ executorId }) => executorId === 'one')
  answer({ executorId: 'one', moved: { [id]: 'two' } })
  const { ids } = await executor.question(({ executorId }) => executorId === 'two')
  t.strictSame(ids, [id])
  executor.respond(request, 'there')
  t.equal(await call, 'there')
  t.equal(executor.requests.length, 1)
})

t.test('one that its executor no longer has, and nobody else', async t => {
  const { executor, call, id } = await startHeld(t, 'waiting')
  const { answer } = await executor.question(({ executorId }) => executorId === 'one')
  answer({ executorId: 'one', missing: [id] })
  for (let i = 0; i < 2; i++)
    t.strictSame((await executor.question(({ executorId }) => executorId === undefined)).ids, [id])
  executor.respond(await executor.request(2), 'again')
  t.equal(await call, 'again')
})

t.test('one of which nobody has told, but somebody has it', async t => {
  const { executor, client } = await start(t)
  const call = client.call(1)
  const request = await executor.request()
  const { executorId, answer } = await executor.question()
  t.equal(executorId, undefined)
  answer({ executorId: 'one', computing: [idOf(request)] })
  t.strictSame((await executor.question(({ executorId }) => executorId === 'one')).ids, [idOf(request)])
  executor.respond(request, 'late')
  t.equal(await call, 'late')
})

t.test('one that was answered: its reply comes again', async t => {
  const { executor, call, request, id } = await startHeld(t, 'computing')
  const { answer } = await executor.question(({ executorId }) => executorId === 'one')
  answer({ executorId: 'one', answered: [id] })
  executor.respond(request, 'again')
  t.equal(await call, 'again')
  t.equal(executor.requests.length, 1)
})

t.test('an executor that wants to hear of its client does so at once', async t => {
  const { executor, call, request, id } = await startHeld(t, 'computing')
  executor.notify(request, 'one', 'computing', 'is.it.there')
  t.strictSame((await executor.question(({ executorId }) => executorId === 'one')).ids, [id])
  executor.respond(request, 1)
  await call
})

t.test('questions that go nowhere prove nothing', async t => {
  const { executor, client } = await start(t)
  await executor.leave('one')
  await executor.leave()
  const call = client.call(1)
  const request = await executor.request()
  for (let i = 0; i < 15; i++) {
    executor.notify(request, 'one', 'computing')
    await sleep(100)
  }
  executor.respond(request, 'late')
  t.equal(await call, 'late')
  t.equal(executor.requests.length, 1, 'it is sent once')
})

t.test('other prefixes of subjects', async t => {
  const { nc, executor, client } = await start(t, { prefix: 'our.own', inboxPrefix: 'mine.alone' })
  const shared = newClient(t, server, { service: client.service, connection: nc, inboxPrefix: 'mine.shared' })
  const calls = [client.call(1), shared.call(2)]
  await executor.request(2)
  t.match(executor.requests.map(({ reply }) => reply).toSorted(), [
    /^mine\.alone\.\w+\.\w+$/,
    /^mine\.shared\.\w+\.\w+$/,
  ])
  await executor.question()
  for (const request of executor.requests) executor.respond(request, 1)
  t.strictSame(await Promise.all(calls), [1, 1])
})

t.test('cmd/client has them as flags', async t => {
  const { executor, client } = await start(t, { prefix: 'flags' })
  const flags = ['--prefix', 'flags', '--inbox-prefix', 'mine', '--priority', '-5']
  const process = run(t, 'client', ['--servers', server.url, '--service', client.service, ...flags, '30'])
  const request = await executor.request()
  t.match(request.reply, /^mine\./)
  t.equal(request.headers!.get('Priority'), '-5')
  await executor.question()
  executor.respond(request, 31)
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout, ['31'])
})

t.test('two calls with one id get the answer both', async t => {
  const { executor, client } = await start(t)
  const calls = ['a', 'b'].map(() => client.call(1, { requestId: 'one-request' }))
  await executor.request(2)
  const abort = new AbortController()
  const third = rejection(client.call(1, { requestId: 'one-request', signal: abort.signal }))
  await executor.request(3)
  for (const request of executor.requests) executor.notify(request, 'one', 'computing')
  t.strictSame((await executor.question()).ids.length, 1)
  abort.abort()
  t.match(await third, { name: 'CancelledError' })
  for (const request of executor.requests) executor.respond(request, 'both')
  t.strictSame(await Promise.all(calls), ['both', 'both'])
  await client.close()
  t.strictSame(
    executor.questions.filter(({ cancel }) => cancel.length > 0),
    [],
    'it was waited for all the time',
  )
})

t.test('cancel', async t => {
  await t.test('goes to who holds it, many in one question', async t => {
    const { executor, client } = await start(t)
    const abort = new AbortController()
    const calls = Array.from({ length: 1000 }, (_, i) => rejection(client.call(i, { signal: abort.signal })))
    await executor.request(1000)
    for (const request of executor.requests) executor.notify(request, 'one', 'waiting')
    await executor.question(({ executorId }) => executorId === 'one')
    abort.abort()
    for (const error of await Promise.all(calls)) if (error.name !== 'CancelledError') t.fail(error.stack)
    const questions = [
      await executor.question(({ cancel }) => cancel.length > 0),
      await executor.question(({ cancel }) => cancel.length > 0),
    ]
    t.strictSame(questions.map(({ executorId, cancel }) => [executorId, cancel.length]), [['one', 512], ['one', 488]]) // prettier-ignore
    for (const { answer, cancel } of questions) answer({ executorId: 'one', cancelled: cancel })
    await client.close()
    t.strictSame(
      executor.questions.filter(({ cancel }) => cancel.length > 0),
      [],
    )
  })

  await t.test('follows a request that has moved', async t => {
    const { executor, client, call, id } = await startHeld(t, 'waiting')
    await executor.be('two')
    const closed = client.close()
    t.match(await rejection(call), { name: 'CancelledError' })
    const first = await executor.question(({ cancel }) => cancel.length > 0)
    t.equal(first.executorId, 'one')
    first.answer({ executorId: 'one', moved: { [id]: 'two' } })
    const second = await executor.question(({ cancel }) => cancel.length > 0)
    t.equal(second.executorId, 'two')
    second.answer({ executorId: 'two', cancelled: [id] })
    await closed
  })

  await t.test('goes to all if nobody is known or nobody confirms it, and has an end', async t => {
    const { executor, client } = await start(t)
    const call = rejection(client.call(1))
    await executor.request()
    const from = performance.now()
    await client.close()
    t.match(await call, { name: 'CancelledError' })
    t.strictSame(executor.questions.map(({ executorId, cancel }) => [executorId, cancel.length]), [[undefined, 1], [undefined, 1], [undefined, 1]]) // prettier-ignore
    t.ok(performance.now() - from < 10_000)
  })

  await t.test('is not for what is to outlive its client', async t => {
    const { executor, client } = await start(t)
    const call = rejection(client.call(1, { detached: true }))
    await executor.request()
    await client.close()
    t.match(await call, { name: 'CancelledError', message: 'the client was closed' })
    t.strictSame(executor.questions, [])
  })
})
