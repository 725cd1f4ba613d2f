// A server that takes small messages alone: nothing is lost, computed twice or goes down of what has no room in one.
import { type ExecutorStatus, Observer } from 'nats-executor'
import t from 'tap'
import { newClient, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t, 'max_payload: 2048')

t.test('many plain requests that wait, of functions with limits', async t => {
  const names = Array.from({ length: 6 }, (_, i) => `f${i}${'x'.repeat(40)}`)
  const functions = names.map(name => `export const ${name} = ms => setTimeout(ms); ${name}.concurrency = 1`)
  const head = "import { setTimeout } from 'node:timers/promises'"
  const folder = t.testdir({ 'limited.mjs': [head, ...functions].join('\n') })
  const flags = ['--servers', server.url, `${folder}/limited.mjs`, '--concurrency', '3', '--processes', '1']
  const executors = [1, 2, 3].map(() => run(t, 'executor', flags))
  for (const executor of executors) await executor.line(/Awaiting/)
  const nc = await connectTo(t, server)
  const counts = new Map<string, number>()
  const COUNT = 400
  await new Promise<void>(resolve => {
    nc.subscribe('_INBOX.me.*', {
      callback(_, { subject }) {
        counts.set(subject, (counts.get(subject) ?? 0) + 1)
        if (counts.size === COUNT) resolve()
      },
    })
    for (let i = 0; i < COUNT; i++) nc.publish(`limited.${names[i % 6]}`, '60', { reply: `_INBOX.me.${i}` })
  })
  t.ok(executors.every(({ isRunning }) => isRunning))
  t.notOk(
    [...counts.values()].some(count => count > 1),
    'none is computed twice',
  )
})

t.test('many calls whose executor dies', async t => {
  const flags = [
    '--servers',
    server.url,
    '--service',
    'acts',
    'test/fixtures/acts.mjs',
    '--concurrency',
    '200',
    '--processes',
    '1',
  ]
  const dying = run(t, 'executor', flags)
  await dying.line(/Awaiting/)
  const client = newClient(t, server, { timeout: 20_000 })
  const calls = Array.from({ length: 200 }, () => client.request(['sleep', 3000]))
  await dying.line(/calling/, 200)
  const executor = await startExecutor(t, server, { concurrency: 200, processes: 1 })
  dying.kill('SIGKILL')
  const replies = await Promise.all(calls)
  // On a busy machine the first one may have answered some before the second one was there.
  t.ok(replies.some(({ executorId }) => executorId === executor.id))
})

t.test('an executor of many functions says which of them are called', async t => {
  const names = Array.from({ length: 100 }, (_, i) => `f${i}`)
  const folder = t.testdir({ 'many.mjs': names.map(name => `export const ${name} = x => x`).join('\n') })
  const executor = await startExecutor(t, server, { module: `${folder}/many.mjs`, service: 'many' })
  const client = newClient(t, server, { service: 'many' })
  t.equal(await client.call(7, { function: 'f77' }), 7)
  await using observer = new Observer({ connection: server.url, service: 'many' })
  const [{ id, functions }] = (await observer.executors()) as [ExecutorStatus]
  t.equal(id, executor.id)
  t.match(functions[0], { name: 'f77', requests: 1 })
  t.ok(functions.length > 3 && functions.length < names.length, String(functions.length))
  const nc = await connectTo(t, server)
  const info = (await nc.request('$SRV.INFO.many', '')).json<{ endpoints: object[] }>()
  t.ok(info.endpoints.length > 3)
})
