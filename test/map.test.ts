// Many arguments in one loop: chunks of them travel together, and each has its own result or error.
import { type Msg, headers } from 'nats'
import t from 'tap'
import type { MapOutcome, MapRun } from 'nats-executor'
import { Gate } from './fixtures/gate.js'
import { newClient, rejection, startExecutor, statistics } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

async function collect<Argument>(map: MapRun<Argument, unknown>): Promise<MapOutcome<Argument, any>[]> {
  const outcomes = []
  for await (const outcome of map) outcomes.push(outcome)
  return outcomes
}

/** Arguments that are `["echo", i]`, but where others are given. */
const echoes = (count: number, others: Record<number, unknown> = {}) =>
  Array.from({ length: count }, (_, i) => others[i] ?? ['echo', i])

let server: Server
t.before(async () => (server = await startServer(t)))

t.test('in whatever chunks, each argument has its result', async t => {
  const executors = [await startExecutor(t, server), await startExecutor(t, server)]
  const client = newClient(t, server)
  for (const options of [
    {},
    { batchSize: 1 },
    { batchSize: 7 },
    { batchSize: 1000, concurrency: 2 },
    { batchSize: 1001 },
    { ordered: false },
  ] as const) {
    const map = client.map(echoes(1000), options)
    t.strictSame(map.counts, { read: 0, done: 0, failed: 0 })
    const outcomes = await collect(map)
    if ('ordered' in options) outcomes.sort((a, b) => a.index - b.index)
    t.strictSame(
      outcomes.map(({ index, argument, result }) => ({ index, argument, result })),
      echoes(1000).map((argument, index) => ({ index, argument, result: index })),
      JSON.stringify(options),
    )
    t.strictSame(map.counts, { read: 1000, done: 1000, failed: 0 })
  }
  t.strictSame(await collect(client.map([])), [])
  await Promise.all(executors.map(executor => executor.stop()))
})

t.test('errors are those of their arguments', async t => {
  const executor = await startExecutor(t, server, { timeLimit: 400 })
  const client = newClient(t, server)
  const others: Record<number, [act: unknown, name: string]> = {
    3: [['throws', 'it is odd'], 'ExecutionError'],
    4: [['refuses', 'not that'], 'InvalidArgumentError'],
    10: [['rejectsLater', 'later'], 'ExecutionError'],
    20: [['circle'], 'ExecutionError'],
    21: [['exit', 1], 'ExecutionError'],
    33: [['loop'], 'DeadlineExceededError'],
    34: [['text', 2 ** 20], 'TooLargeError'],
    50: [() => 1, 'InvalidArgumentError'],
    51: [['echo', 1n], 'InvalidArgumentError'],
  }
  const acts = Object.fromEntries(Object.entries(others).map(([i, [act]]) => [i, act]))
  const map = client.map(echoes(64, acts), { batchSize: 32 })
  for (const { index, result, error } of await collect(map))
    if (others[index]) t.equal(error?.name, others[index][1], `${index}: ${error?.message}`)
    else t.strictSame({ result, error }, { result: index, error: undefined })
  t.match(map.counts, { done: 64, failed: Object.keys(others).length })
  await executor.stop()
})

t.test('a result is what it was when its function gave it, whatever that makes of the object then', async t => {
  const executor = await startExecutor(t, server)
  const ways = ['reusesObject', 'reusesBytes', 'echo', 'nothing', 'throws', 'reusesLater']
  const acts = Array.from({ length: 60 }, (_, i) => [ways[i % ways.length], i])
  const outcomes = await collect(newClient(t, server).map(acts, { batchSize: 20 }))
  t.strictSame(
    outcomes.map(({ result, error }) => error?.message ?? result),
    acts.map((_, i) => [{ value: i }, new Uint8Array([i]), i, null, String(i), { value: i }][i % ways.length]),
  )
  await executor.stop()
})

t.test('what must not be computed twice is not sent again in halves', async t => {
  const executor = await startExecutor(t, server)
  const outcomes = await collect(newClient(t, server).map(echoes(4, { 1: ['exit', 1] }), { batchSize: 4, retries: 0 }))
  for (const { error } of outcomes) t.equal(error?.name, 'ExecutionError')
  await executor.stop()
})

t.test('results that are too large together come one by one', async t => {
  const executor = await startExecutor(t, server)
  const acts = Array.from({ length: 8 }, () => ['text', 300_000])
  for (const { result } of await collect(newClient(t, server).map(acts, { batchSize: 8 })))
    t.equal(result?.length, 300_000)
  await executor.stop()
})

t.test('arguments that are too large together do, too', async t => {
  const executor = await startExecutor(t, server)
  const acts = Array.from({ length: 4 }, () => ['size', 'x'.repeat(500_000)])
  for (const { result } of await collect(newClient(t, server).map(acts, { batchSize: 4 }))) t.equal(result, 500_000)
  await executor.stop()
})

t.test('what was too large to be sent goes in halves whatever its retries', async t => {
  const small = await startServer(t, 'max_payload: 20000')
  const executor = await startExecutor(t, small)
  const acts = Array.from({ length: 8 }, () => ['size', 'x'.repeat(5000)])
  for (const { result } of await collect(newClient(t, small).map(acts, { batchSize: 8, retries: 0 })))
    t.equal(result, 5000)
  await executor.stop()
})

t.test('it reads no further than it can send, and sends no further than its outcomes are read', async t => {
  const executor = await startExecutor(t, server)
  let read = 0
  function* source() {
    while (true) yield ['echo', ++read]
  }
  const options = { concurrency: 4, batchSize: 5 }
  const map = newClient(t, server).map(source(), options)
  let given = 0
  for await (const { result } of map) {
    t.equal(result, ++given)
    const most = given + 5 * (2 * 4 + 1)
    if (read > most) t.fail(`${read} arguments were read when ${given} outcomes were given`)
    if (given === 500) break
  }
  t.ok(read >= 500)
  await executor.stop()
})

t.test('what cannot travel together is not read by the hundred', async t => {
  const module = 'data:text/javascript,export const size = it => it.length'
  const executor = await startExecutor(t, server, { module, service: 'size' })
  const client = newClient(t, server, { service: 'size' })
  for (const item of [new Uint8Array(9), 'x'.repeat(50_000)]) {
    let [read, given, ahead] = [0, 0, 0]
    function* source() {
      for (; read < 2000; read++) yield item
    }
    for await (const { result } of client.map(source(), { function: 'size' })) {
      if (result !== item.length) t.fail(`${result}`)
      ahead = Math.max(ahead, read - ++given)
    }
    t.equal(given, 2000)
    // 129 requests are kept, of one or two arguments; some had more, to see whether that would do.
    t.ok(ahead < 129 * 4, `${ahead} were read ahead`)
  }
  await executor.stop()
})

t.test('nor where many replies come at once, as on a busy machine', async t => {
  const nc = await connectTo(t, server)
  const unanswered: Msg[] = []
  const answerAll = () => {
    for (const message of unanswered.splice(0)) {
      const head = headers()
      head.set('Request-Id', message.headers!.get('Request-Id'))
      message.respond('1', { headers: head })
    }
  }
  const callback = (_: unknown, message: Msg) => {
    if (unanswered.push(message) === 1) setTimeout(answerAll, 50)
  }
  nc.subscribe('bursts', { callback })
  await nc.flush()
  const client = newClient(t, server, { service: 'bursts' })
  let [read, given, ahead] = [0, 0, 0]
  function* source() {
    for (; read < 2000; read++) yield new Uint8Array(9)
  }
  for await (const _ of client.map(source())) ahead = Math.max(ahead, read - ++given)
  t.equal(given, 2000)
  t.ok(ahead < 129 * 4, `${ahead} were read ahead`)
})

t.test('one that cannot travel with others leaves these together', async t => {
  const nc = await connectTo(t, server)
  let requests = 0
  nc.subscribe('quick', {
    callback: (_, message) => {
      requests++
      const argument = message.json()
      const head = headers()
      head.set('Request-Id', message.headers!.get('Request-Id'))
      message.respond(JSON.stringify(Array.isArray(argument) ? { results: argument.map(() => 1) } : 1), {
        headers: head,
      })
    },
  })
  await nc.flush()
  const client = newClient(t, server, { service: 'quick' })
  const items: unknown[] = Array.from({ length: 200_000 }, (_, i) => i)
  for (let i = 50_000; i < items.length; i += 10_000) items[i] = 'x'.repeat(200_000)
  for await (const { result } of client.map(items)) if (result !== 1) t.fail(`${result}`)
  t.ok(requests < 3000, `${requests} requests`)
})

t.test('what a slow source has is sent before it has more', async t => {
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  const answered: unknown[] = []
  async function* source() {
    yield ['echo', 'a']
    yield ['echo', 'b']
    while (answered.length < 2) await new Promise(resolve => setTimeout(resolve, 5))
    yield ['echo', 'c']
  }
  for await (const { result } of client.map(source(), { batchSize: 100 })) answered.push(result)
  t.strictSame(answered, ['a', 'b', 'c'])
  await executor.stop()
})

t.test('what the source throws comes after what it gave', async t => {
  const executor = await startExecutor(t, server)
  function* source() {
    yield* echoes(10)
    throw new Error('no more')
  }
  const results: unknown[] = []
  const found = await rejection(
    (async () => {
      for await (const { result } of newClient(t, server).map(source(), { batchSize: 4 })) results.push(result)
    })(),
  )
  t.equal(found.message, 'no more')
  t.strictSame(results, [...Array(10).keys()])
  await executor.stop()
})

for (const how of ['the loop is left', 'its signal is aborted', 'the client is closed'])
  t.test(`when ${how}, nothing is left behind`, async t => {
    const executor = await startExecutor(t, server, { concurrency: 2 })
    const nc = await connectTo(t, server)
    const client = newClient(t, server)
    const gate = new Gate(t)
    const controller = new AbortController()
    let isReturned = false
    function* source() {
      try {
        yield ['echo', 'first']
        while (true) yield ['hears', gate.name]
      } finally {
        isReturned = true
      }
    }
    const map = client.map(source(), { concurrency: 4, signal: controller.signal })
    const found = await (async () => {
      for await (const { result } of map) {
        t.equal(result, 'first')
        await gate.heard('here', 2)
        if (how === 'the loop is left') break
        if (how === 'its signal is aborted') controller.abort(new Error('enough'))
        else await client.close()
      }
      return undefined
    })().catch(error => error)
    if (how === 'the loop is left') t.equal(found, undefined)
    else
      t.match(found, {
        name: 'CancelledError',
        code: 499,
        message: how === 'the client is closed' ? 'the client was closed' : 'the map was cancelled',
      })
    await gate.left()
    for (;;) {
      const { backlog, computing } = await statistics(nc)
      if (backlog + computing === 0) break
    }
    t.ok(isReturned)
    await executor.stop()
  })

for (const how of ['the loop is left', 'its signal is aborted', 'the client is closed'])
  t.test(`when ${how}, a source of which a step is awaited hears of it`, async t => {
    const executor = await startExecutor(t, server)
    const client = newClient(t, server)
    const controller = new AbortController()
    let steps = 0
    let returns = 0
    const returned = new Promise<void>(resolve => {
      const iterator = {
        next: () => (steps++ === 0 ? Promise.resolve({ value: ['echo', 1] }) : new Promise<never>(() => {})),
        return: async () => {
          returns++
          setImmediate(resolve)
          throw new Error('nobody hears it')
        },
      }
      const source = { [Symbol.asyncIterator]: () => iterator } as any
      void (async () => {
        for await (const _ of client.map(source, { signal: controller.signal })) {
          if (how === 'the loop is left') break
          if (how === 'its signal is aborted') controller.abort()
          else await client.close()
        }
      })().catch(() => {})
    })
    await returned
    t.equal(returns, 1)
    t.equal(steps, 2)
    await executor.stop()
  })

t.test('a client that is closed maps nothing, whatever its source does', async t => {
  const client = newClient(t, server)
  await client.close()
  let isReturned = false
  const iterator = {
    next: () => new Promise<never>(() => {}),
    return: async () => ((isReturned = true), { done: true }),
  }
  const error = await rejection(collect(client.map({ [Symbol.asyncIterator]: () => iterator } as any)))
  t.match(error, { name: 'CancelledError', message: 'the client was closed' })
  t.ok(isReturned)
})

t.test('chunks of an executor that is killed are computed by another', async t => {
  const flags = ['--servers', server.url, '--service', 'chunks', '--log', 'json']
  const executors = [run(t, 'executor', flags), run(t, 'executor', flags)]
  await Promise.all(executors.map(executor => executor.line(/ready/)))
  const map = newClient(t, server, { service: 'chunks' }).map(Array(2000).fill(15), { batchSize: 20 })
  let done = 0
  for await (const { result } of map) {
    if (++done === 200) executors[0]!.kill('SIGKILL')
    if (result !== 610) t.fail(`${done}: ${JSON.stringify(result)}`)
  }
  t.equal(done, 2000)
})

t.test('a chunk is a plain request with one more header', async t => {
  const executor = await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const { headers } = await import('nats')
  const ask = async (items: string, body: string) => {
    const head = headers()
    head.set('Batch-Size', items)
    const reply = await nc.request('acts', body, { headers: head, timeout: 10_000 })
    const code = reply.headers?.get('Nats-Service-Error-Code')
    return code ? `${code} ${reply.headers?.get('Nats-Service-Error')}` : reply.json<any>()
  }
  const body = JSON.stringify([['echo', 7], ['throws', 'odd'], ['context'], ['nothing']])
  t.match(await ask('4', body), { results: [7, null, { requestId: /^[\w-]+\.2$/ }, null], errors: { 1: [500, 'odd'] } })
  t.match(await ask('3', body), /^400 the body is not an array of 3/)
  t.match(await ask('1', '7'), /^400 the body is not an array/)
  for (const items of ['0', '-1', '10001', '1.5', 'many']) t.match(await ask(items, body), /^400 Batch-Size must be/)
  await executor.stop()
})

t.test('a source that does not keep to what iterators do ends its own map alone', async t => {
  const executor = await startExecutor(t, server)
  const client = newClient(t, server)
  const fails = () => {
    throw new Error('odd')
  }
  const step = { done: false, value: ['echo', 1] }
  const sources: [name: string, iterator: object, message: RegExp][] = [
    ['no step', { next: () => undefined }, /^expected a step of the arguments, got undefined$/],
    ['a number', { next: () => 5 }, /got 5$/],
    ['a promise of no step', { next: () => Promise.resolve(null) }, /got null$/],
    // oxlint-disable-next-line unicorn/no-thenable
    ['a thenable that fails', { next: () => ({ then: (_: unknown, no: (e: Error) => void) => no(new Error('odd')) }) }, /odd/], // prettier-ignore
    ['no next', {}, /next is not a function/],
    ['a next that throws', { next: fails }, /odd/],
    ['a value that throws', { next: () => ({ get value() { return fails() } }) }, /odd/], // prettier-ignore
  ]
  for (const [name, iterator, message] of sources)
    for (const symbol of [Symbol.iterator, Symbol.asyncIterator])
      t.match(await rejection(collect(client.map({ [symbol]: () => iterator } as any))), { message }, name)
  for await (const { result } of client.map({ [Symbol.iterator]: () => ({ next: () => step, return: fails }) })) {
    t.equal(result, 1)
    break
  }
  // oxlint-disable-next-line unicorn/no-thenable
  const thenable = (value: object) => ({ then: (yes: (value: object) => void) => yes(value) })
  const steps = [step, step, { done: true }]
  const other = { [Symbol.asyncIterator]: () => ({ next: () => thenable(steps.shift()!) }) }
  t.equal((await collect(client.map(other as any))).length, 2)
  await executor.stop()
})

t.test('an argument that JSON cannot say is an error of its own', async t => {
  const executor = await startExecutor(t, server)
  const odd = [
    () => {
      throw new Error('odd')
    },
    () => undefined,
    () => Symbol('odd'),
  ]
  const args = echoes(16, Object.fromEntries(odd.map((toJSON, i) => [5 * i, { toJSON }])))
  for (const { index, result, error } of await collect(newClient(t, server).map(args, { batchSize: 8 })))
    if (index % 5 === 0 && index < 15)
      t.match(error, {
        name: 'InvalidArgumentError',
        code: 400,
        message: /JSON cannot say/,
        cause: index === 0 ? { message: 'odd' } : { name: 'TypeError' },
      })
    else t.strictSame({ result, error }, { result: index, error: undefined })
  await executor.stop()
})

t.test('a wrong option is an error at once', async t => {
  const client = newClient(t, server)
  t.throws(() => client.map([], { batchSize: 0 }), RangeError)
  t.throws(() => client.map([], { batchSize: 'some' as 'auto' }), TypeError)
  t.throws(() => client.map([], { concurrency: 1.5 }), TypeError)
  t.throws(() => client.map([], { concurrency: 10_001 }), RangeError)
  t.throws(() => client.map([], { concurrency: 'some' as 'auto' }), TypeError)
  t.throws(() => client.map([], { limit: '1' as any }), TypeError)
  for (const limit of [0, -1, NaN]) t.throws(() => client.map([], { limit }), RangeError)
  t.throws(() => client.map([], { ordered: 1 as any }), TypeError)
  t.throws(() => client.map([], { timeout: -1 }), RangeError)
  t.throws(() => client.map(5 as any), TypeError)
})
