// What is set on a function: the schema of its argument, its time limit, how many at once, how many attempts.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { InvalidArgumentError, runLocally } from 'nats-executor'
import { newClient, newExecutor, rejection, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { Gate } from './fixtures/gate.js'

const server = await startServer(t)
const nc = await connectTo(t, server)
const inline = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`

const SCHEMA = `(isAsync) => ({ '~standard': { version: 1, vendor: 'test',
  validate: value => {
    const result = typeof value?.width === 'number' ? { value: { ...value, height: value.height ?? 10 } }
      : { issues: [{ message: 'expected a number', path: ['width'] }, { message: 'unknown', path: ['list', 2, { key: 'x' }] }] }
    return isAsync ? Promise.resolve(result) : result
  },
  jsonSchema: { input: ({ target }) => ({ $schema: target, type: 'object' }) } } })`

t.test('a schema', async t => {
  const module = inline(`const schema = ${SCHEMA}
    export const resize = ({ width, height }) => width * height; resize.input = schema(false)
    export const later = ({ width, height }) => width * height; later.input = schema(true)`)
  await startExecutor(t, server, { module, service: 'schema' })
  const client = newClient(t, server, { service: 'schema' })
  for (const name of ['resize', 'later']) {
    t.equal(await client.call({ width: 3 }, { function: name }), 30, 'the schema has filled in what is missing')
    const error = await rejection(client.call({ width: '3' }, { function: name }))
    t.ok(error instanceof InvalidArgumentError)
    t.equal(error.message, `${name} does not take this argument: width: expected a number; list[2].x: unknown`)
    t.strictSame(error.details, {
      issues: [
        { path: ['width'], message: 'expected a number' },
        { path: ['list', 2, 'x'], message: 'unknown' },
      ],
    })
    const outcomes = []
    for await (const { result, error } of client.map([{ width: 1 }, {}, { width: 2 }], {
      function: name,
      batchSize: 3,
    }))
      outcomes.push(result ?? (error as any).details)
    t.match(outcomes, [10, { issues: [{ path: ['width'] }, {}] }, 20], 'in a batch each argument is checked')
  }
  const { endpoints } = (await nc.request('$SRV.INFO.schema', '', { timeout: 10_000 })).json<any>()
  t.strictSame(JSON.parse(endpoints[0].metadata.input), { $schema: 'draft-2020-12', type: 'object' })
})

t.test('many issues are cut, not dropped', async t => {
  const module = inline(`export const f = () => 1
    f.input = { '~standard': { version: 1, vendor: 'test', validate: () => ({
      issues: Array.from({ length: 100 }, (_, i) => ({ message: 'x'.repeat(500), path: ['list', i] })) }) } }`)
  await startExecutor(t, server, { module, service: 'many' })
  const { details } = await rejection(newClient(t, server, { service: 'many' }).call(1, { function: 'f' }))
  t.ok(details.issues.length >= 10)
})

t.test('a time limit of its own, and not more than the executor’s', async t => {
  const module = inline(`import { setTimeout } from 'node:timers/promises'
    export const short = (ms, { signal }) => setTimeout(ms, 'done', { signal }); short.timeLimit = 100
    export const long = (ms, { signal }) => setTimeout(ms, 'done', { signal }); long.timeLimit = 100_000`)
  await startExecutor(t, server, { module, service: 'limits', timeLimit: 1000 })
  const client = newClient(t, server, { service: 'limits' })
  t.match(await rejection(client.call(60_000, { function: 'short' })), {
    code: 408,
    message: "the computation took longer than the function's time limit of 100 ms",
  })
  t.match(await rejection(client.call(60_000, { function: 'long' })), { message: /executor's time limit of 1000 ms/ })
  t.equal(await client.call(200, { function: 'long' }), 'done')
})

t.test('as many at once as it allows, and the others are not held up', async t => {
  const gate = new Gate(t)
  const module = inline(`import { connect } from 'node:net'
    let running = 0, most = 0
    export async function narrow(gate) {
      most = Math.max(most, ++running)
      const socket = connect(gate)
      socket.write('here\\n')
      // What others say is heard, too.
      for await (const words of socket) if (String(words).includes('go')) break
      running--
      return most
    }
    narrow.concurrency = 2
    export const wide = () => 'at once'`)
  await startExecutor(t, server, { module, service: 'narrow', concurrency: 8, processes: 1 })
  const client = newClient(t, server, { service: 'narrow' })
  const narrow = Array.from({ length: 6 }, () => client.call<number>(gate.name, { function: 'narrow' }))
  await gate.heard('here', 2)
  t.equal(await client.call(0, { function: 'wide' }), 'at once')
  const { data } = (await nc.request('$SRV.STATS.narrow', '', { timeout: 10_000 })).json<any>().endpoints[0]
  t.match(data, { computing: 2, backlog: 4 })
  for (let here = 2; here <= 6; here += 2) {
    await gate.heard('here', here)
    gate.open()
  }
  t.equal(Math.max(...(await Promise.all(narrow))), 2)
})

t.test('what its limit keeps does not fill the backlog for others', async t => {
  const gate = new Gate(t)
  const module = inline(`import { connect } from 'node:net'
    export async function narrow(gate) {
      const socket = connect(gate)
      socket.write('here\\n')
      for await (const words of socket) if (String(words).includes('go')) break
    }
    narrow.concurrency = 1
    export const other = () => 'computed'`)
  await startExecutor(t, server, { module, service: 'kept', concurrency: 4, processes: 1, backlog: 3 })
  const client = newClient(t, server, { service: 'kept', retries: 0 })
  const narrow = Array.from({ length: 4 }, () => client.call(gate.name, { function: 'narrow' }))
  await gate.heard('here')
  for (let i = 0; i < 5; i++) t.equal(await client.call(0, { function: 'other' }), 'computed')
  for (let here = 1; here <= 4; here++) {
    await gate.heard('here', here)
    gate.open()
  }
  await Promise.all(narrow)
})

t.test('an executor that has not got a function gets the requests for others', async t => {
  const slow = `import { setTimeout } from 'node:timers/promises'
    export const other = ms => setTimeout(ms, 'other')`
  const both = inline(`${slow}; export const rare = ms => setTimeout(ms, 'rare')`)
  const first = await startExecutor(t, server, { module: both, service: 'mixed' })
  const client = newClient(t, server, { service: 'mixed' })
  // They come first, and keep the first executor for seven seconds.
  const rare = Array.from({ length: 70 }, () => client.call(100, { function: 'rare', priority: 1 }))
  let isOver = false
  const allRare = Promise.all(rare).then(() => (isOver = true))
  const other = Array.from({ length: 20 }, () => client.request(100, { function: 'other' }))
  while ((await statistics(nc, 'mixed')).backlog < 80);
  const second = await startExecutor(t, server, { module: inline(slow), service: 'mixed' })
  for (const { executorId } of await Promise.all(other)) t.equal(executorId, second.id)
  t.notOk(isOver, 'they did not wait for what only the first one computes')
  t.ok(first.subjects.includes('mixed.rare'))
  await allRare
})

t.test('no more attempts than it allows', async t => {
  const module = inline(`export const once = (_, { attempt }) => attempt; once.maxAttempts = 1
    export const often = (_, { attempt }) => attempt`)
  await startExecutor(t, server, { module, service: 'attempts' })
  const send = async (name: string, attempt: number) => {
    const { headers } = await import('nats')
    const head = headers()
    head.set('Attempt', String(attempt))
    return nc.request(`attempts.${name}`, '0', { timeout: 10_000, headers: head })
  }
  t.equal((await send('once', 1)).json(), 1)
  t.equal((await send('often', 3)).json(), 3)
  const refused = (await send('once', 2)).headers!
  t.equal(refused.get('Nats-Service-Error-Code'), '500')
  t.match(refused.get('Nats-Service-Error'), /lost with its executor: maxAttempts of attempts\.once is 1/)
})

t.test('in a batch that fails as a whole, too', async t => {
  const journal = join(t.testdir({ computed: '' }), 'computed')
  const module = inline(`import { appendFileSync } from 'node:fs'
    export const once = n => (appendFileSync(${JSON.stringify(journal)}, String(n)), n === 5 ? process.exit(1) : n)
    export const often = n => once(n)
    once.maxAttempts = 1`)
  await startExecutor(t, server, { module, service: 'batches' })
  const local = await runLocally(module, { execArgv: [], concurrency: 1 })
  t.teardown(() => local.close())
  for (const caller of [newClient(t, server, { service: 'batches' }), local]) {
    const computed = async (name: string) => {
      writeFileSync(journal, '')
      const map = caller.map([0, 1, 2, 3, 4, 5, 6, 7], { function: name, batchSize: 8 })
      for await (const { error } of map) if (error) t.match(error, { name: 'ExecutionError' })
      return [map.counts.failed, readFileSync(journal, 'utf8')]
    }
    t.strictSame(await computed('once'), [8, '012345'])
    t.strictSame(await computed('often'), [1, '012345012345456745'])
  }
})

for (const [setting, message] of [
  ['timeLimit = "1"', /f: expected `timeLimit` to be a number from 1 to \d+, got "1"/],
  ['timeLimit = 0', /f: expected `timeLimit` to be a number from 1 to \d+, got 0/],
  ['timeLimit = "1 s"', /expected `timeLimit` to be a number/],
  ['concurrency = 1.5', /expected `concurrency` to be a number from 1 to 1024, got 1.5/],
  ['maxAttempts = -1', /expected `maxAttempts`/],
  ['input = x => x', /f: expected `input` to be a Standard Schema, such as one of zod, valibot or arktype/],
] as const)
  t.test(`f.${setting}`, async t => {
    const executor = newExecutor(t, server, {
      module: inline(`export const f = () => 1; f.${setting}`),
      service: 'wrong',
    })
    t.match((await rejection(executor.start())).message, message)
  })

t.test('a misspelt setting is told, a property of its own is not', async t => {
  const module = inline(`export const f = () => 1
    Object.assign(f, { timelimit: 5, max_attempts: 1, concurency: 2, inputs: [], timeLimit: 1000, displayName: 'f', cache: {}, time: 1 })`)
  const executor = newExecutor(t, server, { module, service: 'misspelt', concurrency: 2 })
  const warnings: string[] = []
  executor.on('warning', text => warnings.push(text))
  await executor.start()
  t.strictSame(warnings, [
    'f: `timelimit` is no setting: is `timeLimit` meant?',
    'f: `max_attempts` is no setting: is `maxAttempts` meant?',
    'f: `concurency` is no setting: is `concurrency` meant?',
    'f: `inputs` is no setting: is `input` meant?',
  ])
})

t.test('a schema whose methods call each other', async t => {
  const module =
    inline(`class Standard { version = 1; vendor = 'test'; validate(value) { return this.accept(value) } accept(value) { return { value } } }
    export const f = n => 2 * n; f.input = { '~standard': new Standard() }`)
  await startExecutor(t, server, { module, service: 'methods' })
  t.equal(await newClient(t, server, { service: 'methods' }).call(2, { function: 'f' }), 4)
})
