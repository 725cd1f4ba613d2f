// The options of call, request and map are checked before anything starts, and nothing is left of what was refused.
import { getEventListeners } from 'node:events'
import { ExecutorClient } from 'nats-executor'
import t from 'tap'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const CALL = 'function, headers, timeout, retries, signal, priority, detached, onProgress, requestId'
const MAP = 'function, headers, timeout, retries, signal, priority, detached, concurrency, batchSize, ordered, limit'
const unknown = (name: string, all: string) => `unknown option \`${name}\`; the options are ${all}`
const signal = (got: string) => `expected \`signal\` to be an AbortSignal, got ${got}`

const wrong: [options: any, name: string, message: string][] = [
  [{ signal: new AbortController() }, 'TypeError', signal('[object AbortController]')],
  [{ signal: null }, 'TypeError', signal('null')],
  [{ signal: { aborted: false } }, 'TypeError', signal('[object Object]')],
  [{ signal: new EventTarget() }, 'TypeError', signal('[object EventTarget]')],
  [{ timeuot: 1 }, 'TypeError', unknown('timeuot', CALL)],
  [{ subject: 'other' }, 'TypeError', unknown('subject', CALL)],
  [{ toString: 1 }, 'TypeError', unknown('toString', CALL)],
  [null, 'TypeError', 'expected `options` to be an object, got null'],
  [5000, 'TypeError', 'expected `options` to be an object, got 5000'],
  ['soon', 'TypeError', 'expected `options` to be an object, got "soon"'],
  [() => 1, 'TypeError', 'expected `options` to be an object, got () => 1'],
  [{ timeout: 0 }, 'RangeError', 'expected `timeout` to be from 1 to 2147483647, got 0'],
  [{ timeout: null }, 'TypeError', 'expected `timeout` to be a number from 1 to 2147483647, got null'],
  [{ retries: 0.5 }, 'TypeError', 'expected `retries` to be an integer from 0 to 9007199254740991, got 0.5'],
  [{ priority: 0.5 }, 'TypeError', 'expected `priority` to be an integer from -1000 to 1000, got 0.5'],
  [{ priority: '1' }, 'TypeError', 'expected `priority` to be an integer from -1000 to 1000, got "1"'],
  [{ priority: 1001 }, 'RangeError', 'expected `priority` to be from -1000 to 1000, got 1001'],
  [{ headers: new Map([['a', 'b']]) }, 'TypeError', 'expected `headers` to be an object of texts, got [object Map]'],
  [
    { headers: new Headers({ a: 'b' }) },
    'TypeError',
    'expected `headers` to be an object of texts, got [object Headers]',
  ],
  [{ headers: ['a'] }, 'TypeError', 'expected `headers` to be an object of texts, got a'],
  [{ detached: 1 }, 'TypeError', 'expected `detached` to be a boolean, got 1'],
]

t.test('wrong options', async t => {
  const client = new ExecutorClient({ connection: { servers: 'nats://127.0.0.1:1' } })
  const before = process.getActiveResourcesInfo()
  for (const [options, name, message] of wrong) {
    t.match(await rejection(client.call(1, options)), { name, message })
    t.match(await rejection(client.request(1, options)), { name, message })
    t.throws(() => client.map([1], options), { name, message: message.replace(CALL, MAP) })
    const { cube } = client.functions<{ cube(x: number): number }>()
    t.match(await rejection(cube(1, options)), { name, message })
    t.match(await rejection(cube.request(1, options)), { name, message })
    t.throws(() => cube.map([1], options), { name, message: message.replace(CALL, MAP) })
  }
  for (const requestId of ['', 'a b', 'x'.repeat(65), 7] as any[])
    t.match(await rejection(client.call(1, { requestId })), { name: 'RangeError', message: /`requestId` to be 1–64 / })
  t.throws(() => client.map([1], { requestId: 'x' } as any), { message: unknown('requestId', MAP) })
  t.match(await rejection(client.call(1, { batchSize: 1 } as any)), { message: unknown('batchSize', CALL) })
  const untold = { toJSON: () => undefined }
  const broken = { toJSON: () => { throw new Error('no') } } // prettier-ignore
  t.match(await rejection(client.call(untold)), { name: 'TypeError', message: /^argument is undefined/ })
  t.match(await rejection(client.call(broken)), {
    name: 'TypeError',
    message: 'JSON cannot say argument: no',
    cause: { message: 'no' },
  })
  t.strictSame(process.getActiveResourcesInfo(), before, 'no timer is left')
  await client.close()
  t.match(await rejection(client.call(1)), { name: 'CancelledError' })
  t.strictSame(process.getActiveResourcesInfo(), before, 'no timer is left')
})

t.test('one listener on a signal, however many calls and maps', async t => {
  const server = await startServer(t)
  await startExecutor(t, server)
  const warnings: Error[] = []
  const note = (warning: Error) => void warnings.push(warning)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  const client = newClient(t, server)
  const controller = new AbortController()
  const { signal } = controller
  const own = () => {}
  signal.addEventListener('abort', own)
  const drained = async (source: unknown[][]) => {
    for await (const { error } of client.map(source, { signal })) if (error) throw error
  }
  for (const count of [12, 10_000]) {
    const calls = Array.from({ length: count }, (_, i) => client.call(['echo', i], { signal }))
    const maps = Array.from({ length: 12 }, () => drained([['echo', 1]]))
    t.equal(getEventListeners(signal, 'abort').length, 2)
    await Promise.all([...calls, ...maps])
    t.strictSame(getEventListeners(signal, 'abort'), [own])
  }
  const calls = Array.from({ length: 12 }, () => rejection(client.call(['never'], { signal })))
  const map = rejection(drained([['never']]))
  controller.abort('enough')
  for (const call of [...calls, map]) t.match(await call, { name: 'CancelledError', cause: 'enough' })
  t.strictSame(getEventListeners(signal, 'abort'), [own])
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(warnings, [])
})

t.test('a public class shows the methods of its users', async t => {
  const client = newClient(t, await startServer(t))
  const names = (value: object) => Object.getOwnPropertyNames(value).toSorted()
  t.strictSame(names(client), ['service'])
  t.strictSame(names(ExecutorClient.prototype), [
    'call',
    'close',
    'constructor',
    'functions',
    'map',
    'missing',
    'request',
  ])
  const map = client.map([])
  t.strictSame(names(map), ['counts'])
  t.strictSame(names(Object.getPrototypeOf(map)), ['constructor'])
})
