// Bytes as arguments and results, and what JSON cannot say.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { ExecutionError, TooLargeError } from 'nats-executor'
import { headers } from 'nats'
import { fixture, newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

const server = await startServer(t)
await startExecutor(t, server, { module: fixture('service.mjs'), service: 'bytes' })
const client = newClient(t, server, { service: 'bytes' })
const nc = await connectTo(t, server)
const OCTETS = 'application/octet-stream'

t.test('there and back', async t => {
  for (const size of [0, 1, 1000, 900_000]) {
    const bytes = randomBytes(size)
    const result = await client.call<Uint8Array>(bytes, { function: 'echo' })
    t.ok(result instanceof Uint8Array && Buffer.compare(result, bytes) === 0, `${size} bytes`)
    t.equal(result.buffer.byteLength, size, 'in a buffer of their own')
  }
  t.equal(await client.call(new Uint8Array(5), { function: 'kindOf' }), '5 bytes')
  t.strictSame(await client.call(Buffer.from([0, 1, 255]), { function: 'invert' }), new Uint8Array([255, 254, 0]))
  t.equal(await client.call('5', { function: 'kindOf' }), 'string', 'text is JSON')
})

t.test('whoever reuses their bytes meanwhile', async t => {
  const bytes = new Uint8Array(1)
  const late = newClient(t, server, { service: 'bytes' })
  const calls = [0, 1, 2, 3].map(i => {
    bytes[0] = i
    // The first ones wait for the connection.
    return late.call(bytes, { function: 'echo' })
  })
  t.strictSame(
    await Promise.all(calls),
    [0, 1, 2, 3].map(i => new Uint8Array([i])),
  )
  const reused = function* () {
    for (let i = 0; i < 20; i++) {
      bytes[0] = i
      yield bytes
    }
  }
  const results = []
  for await (const { result } of late.map<Uint8Array, Uint8Array>(reused(), { function: 'echo', batchSize: 4 }))
    results.push(result![0])
  t.strictSame(
    results,
    Array.from({ length: 20 }, (_, i) => i),
  )
})

t.test('bytes that are gone, or are none', async t => {
  const source = `const gone = () => { const bytes = new Uint8Array(4); structuredClone(bytes, { transfer: [bytes.buffer] }); return bytes }
    const lies = () => Object.defineProperty(new Uint8Array(3), 'length', { value: 10 })
    const kinds = { gone, lies, proxy: () => new Proxy(new Uint8Array(3), {}), heir: () => Object.create(Uint8Array.prototype) }
    export const sync = kind => kinds[kind]()
    export const later = async kind => kinds[kind]()`
  await startExecutor(t, server, { module: `data:text/javascript,${encodeURIComponent(source)}`, service: 'gone' })
  const odd = newClient(t, server, { service: 'gone' })
  for (const name of ['sync', 'later']) {
    const call = (kind: string) => odd.call<Uint8Array>(kind, { function: name, timeout: 10_000 })
    t.match(await rejection(call('gone')), {
      name: 'ExecutionError',
      message: /^result is a Uint8Array whose buffer is gone/,
    })
    t.strictSame(await call('lies'), new Uint8Array(3))
    for (const kind of ['proxy', 'heir']) {
      const [outcome] = await Promise.allSettled([call(kind)])
      t.ok(outcome.status === 'fulfilled' || outcome.reason instanceof ExecutionError, `${name} ${kind}`)
    }
    t.equal(await odd.call('gone', { function: 'sync' }).catch(error => error.code), 500, 'and it goes on')
  }
  const bytes = new Uint8Array(4)
  structuredClone(bytes, { transfer: [bytes.buffer] })
  t.match(await rejection(odd.call(bytes, { function: 'sync' })), {
    name: 'TypeError',
    message: /^argument is a Uint8Array whose buffer is gone/,
  })
  const outcomes = []
  for await (const { error } of odd.map([bytes], { function: 'sync' })) outcomes.push(error?.name)
  t.strictSame(outcomes, ['InvalidArgumentError'])
})

t.test('in a map', async t => {
  const results = []
  for await (const { result } of client.map([new Uint8Array([1]), 'text', new Uint8Array([2])], {
    function: 'echo',
    batchSize: 3,
  }))
    results.push(result)
  t.strictSame(results, [new Uint8Array([1]), 'text', new Uint8Array([2])])
  const made = []
  for await (const { result, error } of client.map(['buffer', 'date', 'nan'], { function: 'odd', batchSize: 3 }))
    made.push(error?.message ?? result)
  t.match(made, [/result\.image is a Buffer/, { at: '1970-01-01T00:00:00.000Z' }, /result\.rows\[3\]\.mean is NaN/])
  const half = 'data:text/javascript,export const half = n => new Uint8Array([n, n])'
  await startExecutor(t, server, { module: half, service: 'batch' })
  const halves = []
  for await (const { result } of newClient(t, server, { service: 'batch' }).map([1, 2, 3], {
    function: 'half',
    batchSize: 3,
  }))
    halves.push(result)
  t.strictSame(
    halves,
    [1, 2, 3].map(n => new Uint8Array([n, n])),
    'results of a batch may be bytes',
  )
})

t.test('too large: both sizes', async t => {
  const large = await rejection(client.call(new Uint8Array(2_000_000), { function: 'echo' }))
  t.ok(large instanceof TooLargeError)
  t.equal(large.message, "the argument has 2000000 bytes and the server's max_payload is 1048576")
  await startExecutor(t, server, {
    module: `data:text/javascript,export default n => new Uint8Array(n)`,
    service: 'makes',
  })
  const made = await rejection(newClient(t, server, { service: 'makes' }).call(2_000_000))
  t.ok(made instanceof TooLargeError)
  t.equal(made.message, "the result has 2000000 bytes and the server's max_payload is 1048576")
})

t.test('plain requests', async t => {
  const head = headers()
  head.set('Content-Type', OCTETS)
  const reply = await nc.request('bytes.invert', new Uint8Array([1, 2]), { headers: head, timeout: 10_000 })
  t.strictSame([...reply.data], [254, 253])
  t.equal(reply.headers!.get('Content-Type'), OCTETS)
  head.set('Content-Type', 'Application/JSON; charset=utf-8')
  t.equal((await nc.request('bytes.echo', '5', { headers: head, timeout: 10_000 })).json(), 5)
  head.set('Content-Type', 'text/plain')
  const refused = await nc.request('bytes.echo', 'x', { headers: head, timeout: 10_000 })
  t.match(
    refused.headers!.get('Nats-Service-Error'),
    /Content-Type must be application\/json or application\/octet-stream/,
  )
  const unmarked = await nc.request('bytes.echo', new Uint8Array([255, 0]), { timeout: 10_000 })
  t.match(unmarked.headers!.get('Nats-Service-Error'), /not JSON; bytes need the header Content-Type/)
})

const SAID: [string, unknown][] = [
  ['date', { at: '1970-01-01T00:00:00.000Z' }],
  ['says itself', { a: 1 }],
  ['undefined', null],
  ['undefined within', { b: 1 }],
]
for (const [which, result] of SAID)
  t.test(`JSON says ${which}`, async t => t.strictSame(await client.call(which, { function: 'odd' }), result))

const UNSAID: [string, RegExp][] = [
  ['nan', /^result\.rows\[3\]\.mean is NaN, which JSON cannot say$/],
  ['infinity', /^result\[0\] is Infinity/],
  ['map', /^result\.a is a Map/],
  ['bigint', /^result\["a b"\] is a BigInt/],
  ['function', /^result\.f is a function/],
  ['promise', /^result\[0\] is a Promise: is an `await` missing\?$/],
  ['buffer', /^result\.image is a Buffer: bytes travel as a Uint8Array that is the whole argument or result/],
  ['floats', /^result is a Float64Array: bytes/],
  ['array buffer', /^result is an ArrayBuffer: bytes .*`new Uint8Array\(it\)`/],
  ['no date', /^result is an invalid Date/],
  ['undefined in a list', /^result\[1\] is undefined/],
  ['symbol', /^result is a symbol/],
  ['iterator', /^result is a Generator, which/],
  ['iterable', /^result\[0\] is an Object, which/],
  ['search', /^result\.a is a URLSearchParams/],
  ['boxed', /^result\.a is NaN/],
  ['circle', /^JSON cannot say result: Converting circular structure/],
]
for (const [which, message] of UNSAID)
  t.test(`JSON cannot say ${which}`, async t => {
    const error = await rejection(client.call(which, { function: 'odd' }))
    t.ok(error instanceof ExecutionError)
    t.match(error.message, message)
  })

t.test('a BigInt, if the module says how', async t => {
  const module = `data:text/javascript,BigInt.prototype.toJSON = function () { return String(this) };
    export default () => ({ list: [1n] })`
  await startExecutor(t, server, { module, service: 'big' })
  t.strictSame(await newClient(t, server, { service: 'big' }).call(), { list: ['1'] })
})

t.test('nor arguments', async t => {
  const call = async (argument: unknown) => rejection(client.call(argument, { function: 'echo' }))
  t.match(await call({ a: [NaN] }), { name: 'TypeError', message: /^argument\.a\[0\] is NaN/ })
  t.match(await call({ image: new Uint8Array(1) }), { name: 'TypeError', message: /^argument\.image is a Uint8Array/ })
  t.match(await call(new Map()), { name: 'TypeError', message: /^argument is a Map/ })
  t.match(await call(() => 1), { name: 'TypeError', message: /^argument is a function/ })
})

t.test('on the command line', async t => {
  const folder = t.testdir({ in: Buffer.from([0, 1, 2, 255]) })
  const script = `./cmd/client --servers ${server.url} --service bytes invert @${folder}/in | od -An -tu1`
  const process = runFile(t, '/bin/sh', ['-c', script])
  await process.exit
  t.match(process.output, /255 254 253\s+0/)
  const missing = runFile(t, '/bin/sh', ['-c', `./cmd/client --service bytes invert @${folder}/none`])
  t.equal(await missing.exit, 2)
  t.match(missing.output, /cannot read .*none/)
})
