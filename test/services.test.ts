// A module of several functions, each on a subject of its own.
import { hostname } from 'node:os'
import t from 'tap'
import { UnknownFunctionError } from 'nats-executor'
import { fixture, newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
const module = fixture('service.mjs')
const executor = await startExecutor(t, server, { module, service: 'things', concurrency: 2 })
const client = newClient(t, server, { service: 'things' })
const nc = await connectTo(t, server)

t.test('each function has a subject', async t => {
  t.ok(executor.subjects.includes('things') && executor.subjects.includes('things.echo'))
  t.notOk(executor.subjects.some(subject => /NotAFunction|neither/.test(subject)))
  t.strictSame(await client.call(7), { default: 7 })
  t.strictSame(await client.call(7, { function: 'default' }), { default: 7 })
  t.strictSame(await client.call({ a: [1] }, { function: 'echo' }), { a: [1] })
  t.equal((await nc.request('things.echo', '"plain"', { timeout: 10_000 })).string(), '"plain"')
  const results = []
  for await (const { result } of client.map([1, 2, 3], { function: 'echo' })) results.push(result)
  t.strictSame(results, [1, 2, 3])
})

t.test('no argument is undefined, and no result is null', async t => {
  t.equal(await client.call(undefined, { function: 'kindOf' }), 'undefined')
  t.equal(await client.call(null, { function: 'kindOf' }), 'object')
  t.equal((await nc.request('things.kindOf', '', { timeout: 10_000 })).json(), 'undefined')
  t.equal(await client.call('undefined', { function: 'odd' }), null)
})

t.test('a function that there is not', async t => {
  const error = await rejection(client.call(1, { function: 'ecko' }))
  t.ok(error instanceof UnknownFunctionError)
  t.match(error, {
    code: 404,
    executorId: executor.id,
    message: /^there is no things\.ecko: there is things, things\./,
  })
  const plain = await nc.request('things.ecko', '1', { timeout: 10_000 })
  t.equal(plain.headers!.get('Nats-Service-Error-Code'), '404')

  await startExecutor(t, server, { module: `data:text/javascript,export const one = () => 1`, service: 'single' })
  const single = newClient(t, server, { service: 'single' })
  t.equal(await single.call(0, { function: 'one' }), 1)
  t.match(await rejection(single.call(0)), { code: 404, message: 'single has no default export: there is single.one' })
})

t.test('an endpoint with statistics of its own for each', async t => {
  const before = await endpoints('STATS')
  await client.call(1, { function: 'echo' })
  await rejection(client.call('any', { function: 'breaks' }))
  const after = await endpoints('STATS')
  const counts = (name: string) => [
    after.get(name).num_requests - before.get(name).num_requests,
    after.get(name).num_errors - before.get(name).num_errors,
  ]
  t.strictSame(
    [counts('echo'), counts('breaks'), counts('things')],
    [
      [1, 0],
      [1, 1],
      [0, 0],
    ],
  )
  t.equal(after.get('breaks').last_error, '500: ExecutionError')
  t.equal(after.get('echo').last_error, '')
  t.match(after.get('echo'), { subject: 'things.echo', queue_group: 'executors' })

  const { metadata } = (await nc.request('$SRV.INFO.things', '', { timeout: 10_000 })).json<any>()
  t.match(metadata, { host: hostname(), module: 'service.mjs', package: /^nats-executor@/, concurrency: '2' })
})

async function endpoints(verb: string): Promise<Map<string, any>> {
  const reply = (await nc.request(`$SRV.${verb}.things`, '', { timeout: 10_000 })).json<any>()
  return new Map(reply.endpoints.map((endpoint: any) => [endpoint.name, endpoint]))
}

t.test('many functions need no more subscriptions than one', async t => {
  const counts = []
  for (const source of [
    'export default () => 1',
    `${Array.from({ length: 50 }, (_, i) => `export const f${i} = () => 1`).join(';')}`,
  ]) {
    const connection = await connectTo(t, server)
    await startExecutor(t, server, {
      connection,
      module: `data:text/javascript,${source}`,
      service: `n${counts.length}`,
    })
    const subscriptions: { subject: string }[] = [...(connection as any).protocol.subscriptions.subs.values()]
    // That of the matchmaker comes when it is one.
    counts.push(subscriptions.filter(({ subject }) => !/^(_INBOX|_EXEC\.match)\./.test(subject)).length)
  }
  t.equal(counts[0], counts[1])
})

t.test('the same id for two functions is two requests', async t => {
  const requestId = 'twice'
  const options = { requestId, headers: {} }
  const [one, two] = await Promise.all([
    client.call(150, { ...options, function: 'wait' }),
    client.call(150, { ...options, function: 'echo' }),
  ])
  t.strictSame([one, two], [150, 150])
})

t.test('rights to a subject are rights to its function: a header does not choose another one', async t => {
  const { headers } = await import('nats')
  const head = headers()
  head.set('Function', 'echo')
  t.strictSame((await nc.request('things', '7', { headers: head, timeout: 10_000 })).json(), { default: 7 })
})

t.test('a call to one executor alone finds its function', async t => {
  const { createInbox, headers } = await import('nats')
  const inbox = createInbox()
  const answers = nc.subscribe(inbox, { max: 1 })
  const head = headers()
  head.set('Request-Id', 'alone')
  head.set('Function', 'echo')
  nc.publish(`_EXEC.hold.things.${executor.id}`, '"alone"', { reply: inbox, headers: head })
  for await (const message of answers) t.equal(message.string(), '"alone"')
})

t.test('on the command line', async t => {
  const service = run(t, 'executor', ['--servers', server.url, 'test/fixtures/service.mjs', '--service', 'cli'])
  t.match(await service.line(/Awaiting/), /requests on cli, cli\.breaks, cli\.context, cli\.echo/)
  const call = async (...args: string[]) => {
    const process = run(t, 'client', ['--servers', server.url, '--service', 'cli', ...args])
    return [await process.exit, process.output]
  }
  t.match(await call('echo', '{"a":1}'), [0, /^\{"a":1\}$/m])
  t.match(await call('7'), [0, /^\{"default":7\}$/m])
  t.match(await call('kindOf'), [0, /^"undefined"$/m])
  t.match(await call('nothing', '1'), [1, /client: cli\.nothing\(1\): there is no cli\.nothing: there is cli, /])
  t.match(await call('echo', '[1'), [2, /an argument is JSON/])
  await service.line(/calling cli\.echo on \{"a":1\}/)
})
