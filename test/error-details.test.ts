// What crosses the wire of an error that a function throws.
import { inspect } from 'node:util'
import t from 'tap'
import { ExecutionError, InvalidArgumentError } from 'nats-executor'
import { fixture, newClient, rejection, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const module = fixture('service.mjs')
await startExecutor(t, server, { module, service: 'plain' })
const client = newClient(t, server, { service: 'plain' })

t.test('name, message, code, causes and own properties', async t => {
  const error = await rejection(client.call('', { function: 'breaks' }))
  t.ok(error instanceof ExecutionError)
  t.match(error, { name: 'ExecutionError', code: 500, message: 'it broke in two' })
  t.strictSame(error.details, { path: '/a/b', list: [1, { a: 1 }] })
  const { cause } = error
  t.ok(cause instanceof Error)
  t.match(cause, { name: 'RangeError', message: 'it broke\nin two', code: 'EBROKEN', path: '/a/b' })
  t.match(cause.cause, { name: 'TypeError', message: 'since', cause: { name: 'Error', message: 'then' } })
  t.match(inspect(error), /\[cause\]: \[?RangeError: it broke/)
  t.notMatch(inspect(error), /service\.mjs/, 'no paths of the executor')
})

t.test('the executor tells of its causes, too', async t => {
  const source = `const first = new Error('', { cause: Object.assign(new TypeError('since'), { code: 'E1' }) })
    export const throws = () => { throw first }
    export const any = () => Promise.any([Promise.reject(new Error('here')), Promise.reject(new RangeError('there'))])
    export const circle = () => { throw Object.assign(first, { cause: new Error('', { cause: first }) }) }
    export const refuses = () => { throw Object.assign(new Error('not this', { cause: first }), { code: 400 }) }`
  const module = `data:text/javascript,${encodeURIComponent(source)}`
  const executor = await startExecutor(t, server, { module, service: 'told' })
  const told: unknown[] = []
  executor.on('failed', ({ causes, stack }) => told.push({ causes, hasStack: stack !== undefined }))
  const client = newClient(t, server, { service: 'told' })
  for (const name of ['throws', 'any', 'refuses', 'nothing']) await rejection(client.call(1, { function: name }))
  for await (const _ of client.map([1, 2], { function: 'throws', batchSize: 2 }));
  await rejection(client.call(1, { function: 'circle' }))
  const since = { causes: ['TypeError [E1]: since'], hasStack: true }
  const none = { causes: undefined, hasStack: false }
  t.strictSame(told, [
    since,
    { causes: ['Error: here', 'RangeError: there'], hasStack: true },
    none,
    none,
    since,
    since,
    { causes: ['Error'], hasStack: true },
  ])
})

t.test('in a batch', async t => {
  const errors = []
  for await (const { error } of client.map(['', 'refused', 'text'], { function: 'breaks', batchSize: 3 }))
    errors.push(error)
  t.match(errors[0], { details: { path: '/a/b' }, cause: { name: 'RangeError', cause: { name: 'TypeError' } } })
  t.ok(errors[1] instanceof InvalidArgumentError)
  t.match(errors[2], { message: 'only a text', cause: { name: 'Error', message: 'only a text' } })
  t.notMatch(inspect(errors), /service\.mjs/)
})

t.test('what is too much stays away', async t => {
  t.strictSame((await rejection(client.call('large', { function: 'breaks' }))).details, { few: 1, more: 2 })
})

t.test('one of several errors, and what is no error', async t => {
  const source = `const kinds = {
      any: () => Promise.any([Promise.reject(new Error('first')), Promise.reject(Object.assign(new RangeError('second'), { code: 'E2' }))]),
      wordless: () => { throw new AggregateError([new Error('here'), 'there'], '') },
      object: () => { throw { status: 404 } },
      within: () => { throw Object.assign(new Error('within'), { original: new TypeError('it'), list: [{ error: new RangeError('that') }] }) },
      nothing: () => Promise.reject(),
      plain: () => { throw Object.assign(Object.create(null), { status: 404 }) },
      getter: () => { throw Object.defineProperty(Object.assign(new Error('read it'), { code: 'EREAD', layer: 7 }), 'x', { enumerable: true, get() { throw 1 } }) } }
    export default kind => kinds[kind]()`
  const several = `data:text/javascript,${encodeURIComponent(source)}`
  await startExecutor(t, server, { module: several, service: 'several' })
  const caught = (kind: string) => rejection(newClient(t, server, { service: 'several' }).call(kind))
  const errors = [
    { name: 'Error', message: 'first' },
    { name: 'RangeError', message: 'second', code: 'E2' },
  ]
  t.match(await caught('any'), {
    message: 'All promises were rejected',
    details: { errors },
    cause: { name: 'AggregateError', errors },
  })
  t.strictSame((await caught('within')).details, {
    original: { name: 'TypeError', message: 'it' },
    list: [{ error: { name: 'RangeError', message: 'that' } }],
  })
  t.equal((await caught('nothing')).message, 'undefined was thrown')
  t.equal((await caught('wordless')).message, 'here; there')
  t.match(await caught('object'), { message: '{ status: 404 }', details: { status: 404 } })
  t.match((await caught('plain')).message, /status: 404/)
  t.match(await caught('getter'), { message: 'read it', details: { layer: 7 }, cause: { code: 'EREAD' } })
})

t.test('a refused argument', async t => {
  const error = await rejection(client.call('refused', { function: 'breaks' }))
  t.ok(error instanceof InvalidArgumentError)
  t.match(error, { code: 400, message: 'not this one', details: undefined })
})

t.test('the stack, from executors that expose it', async t => {
  await startExecutor(t, server, { module, service: 'open', exposeStack: true })
  const error = await rejection(newClient(t, server, { service: 'open' }).call('', { function: 'breaks' }))
  t.match(error.cause.stack, /at breaks \(.*service\.mjs:\d+:\d+\)/)
  t.notMatch(error.cause.stack, /slots\/process/, 'but not of our own code')
})

t.test('a body that is none', async t => {
  const { connectTo } = await import('./fixtures/nats-server.js')
  const { headers } = await import('nats')
  const nc = await connectTo(t, server)
  const bodies = [
    '',
    'text',
    '{}',
    '[]',
    '{"name":1,"message":2}',
    '{"name":"E","message":"m","causes":7,"details":"x","stack":{}}',
  ]
  let body = ''
  nc.subscribe('liar', {
    callback: (_, message) => {
      const head = headers()
      head.set('Request-Id', message.headers!.get('Request-Id'))
      head.set('Nats-Service-Error-Code', '500')
      head.set('Nats-Service-Error', 'it says')
      message.respond(Buffer.from(body), { headers: head })
    },
  })
  const liar = newClient(t, server, { service: 'liar' })
  for (body of bodies) t.match(await rejection(liar.call(1)), { name: 'ExecutionError', message: 'it says' }, body)
})
