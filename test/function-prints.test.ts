// What functions print is in the executor's log: each line once, in order, with the id of the request that printed it.
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { fileURLToPath } from 'node:url'
import { root } from '../dev/root.js'
import { logged } from './fixtures/executors.js'
import { newClient, rejection } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { type Process, run } from './fixtures/processes.js'

const server = await startServer(t)
const PRINTS = fileURLToPath(new URL('test/fixtures/prints.mjs', root))

async function start(t: Test, ...flags: string[]) {
  const executor = run(t, 'executor', ['--servers', server.url, PRINTS, '--log', 'json', ...flags])
  await executor.line(/"ready"/)
  const client = newClient(t, server, { service: 'prints' })
  const request = async (...act: unknown[]) => (await client.request(act)).requestId
  return { executor, client, request }
}

/** The lines of a request, or all. */
function printed(executor: Process, requestId?: string) {
  const lines = logged(executor, 'output').filter(line => requestId === undefined || line.requestId === requestId)
  return lines.map(({ stream, line }) => `${stream}: ${line}`)
}

t.test('both streams, in order', async t => {
  const { executor, request } = await start(t)
  const id = await request('both', 3)
  await executor.line(/err 2/)
  const expected = [0, 1, 2].flatMap(i => [`stdout: out ${i}`, `stderr: err ${i}`])
  t.strictSame(printed(executor), expected)
  t.strictSame(printed(executor, id), expected)
})

t.test('who ends a stream ends it for nobody else', async t => {
  const { executor, request } = await start(t)
  const said = { end: ['stdout: the end'], destroy: [], pipeline: ['stdout: piped'] }
  // The last one again, in the same process.
  for (const how of ['end', 'destroy', 'pipeline', 'pipeline'] as const) {
    const id = await request('ends', how)
    const after = await request('both', 1)
    await executor.line(new RegExp(`err 0.*${after}|${after}.*err 0`))
    t.strictSame(printed(executor, id), said[how], how)
    t.strictSame(printed(executor, after), ['stdout: out 0', 'stderr: err 0'], `after ${how}`)
  }
})

t.test('pieces are lines', async t => {
  const { executor, request } = await start(t)
  const id = await request('pieces')
  await executor.line(/another €/)
  t.strictSame(printed(executor, id), ['stdout: one line', 'stdout: another €'])
  const encoded = await request('encoded')
  await executor.line(/two/)
  t.strictSame(printed(executor, encoded), ['stdout: one two'])
  const other = await request('callback')
  await executor.line(/a callback/)
  t.strictSame(printed(executor, other), ['stdout: with a callback'])
})

t.test('what comes before a hang or a crash', async t => {
  const { executor, client } = await start(t, '--time-limit', '1')
  const { requestId: hung } = await rejection(client.call(['loop', 'half of a line']))
  await executor.line(/"line":"half of a line/)
  t.strictSame(printed(executor, hung), ['stdout: whole', 'stdout: half of a line'])
  const { requestId: killed } = await rejection(client.call(['kill', 'last words']))
  await executor.line(/"line":"last words/)
  t.strictSame(printed(executor, killed), ['stderr: whole', 'stderr: last words'])
})

t.test('a line is there while the function computes', async t => {
  const { executor, client } = await start(t)
  const controller = new AbortController()
  const call = rejection(client.call(['loop', ''], { signal: controller.signal }))
  await executor.line(/"whole"/)
  controller.abort()
  await call
})

t.test('what does not go through the streams of Node', async t => {
  const { executor, request } = await start(t)
  const id = await request('raw', 'bytes')
  await executor.line(/of a child/)
  const lines = printed(executor)
  t.strictSame(printed(executor, id), lines)
  t.strictSame(new Set(lines), new Set(['stderr: of a child', 'stdout: raw bytes']))
})

t.test('a timer prints for the request that has set it', async t => {
  const { executor, request } = await start(t)
  const id = await request('later', [50, 'much later'])
  const other = await request('wait', 200)
  await executor.line(/"line":"much later/)
  t.strictSame(printed(executor, id), ['stdout: much later'])
  t.strictSame(printed(executor, other), [])
})

t.test('requests that share a process', async t => {
  const { executor, request } = await start(t, '--concurrency', '10', '--processes', '1')
  const ids = await Promise.all(Array.from({ length: 10 }, (_, i) => request('talks', [`talker ${i}`, 20])))
  await executor.line(/talker \d 19/, 10)
  for (const [i, id] of ids.entries())
    t.strictSame(
      printed(executor, id),
      Array.from({ length: 20 }, (_, n) => `stdout: talker ${i} ${n}`),
    )
})

t.test('a flood stops nobody else', async t => {
  const { executor, client, request } = await start(t, '--concurrency', '2', '--time-limit', '3')
  const flood = rejection(client.call(['flood']))
  await executor.line(/"flood"/)
  const times = []
  for (let i = 0; i < 100; i++) {
    const at = performance.now()
    await request('nothing')
    times.push(performance.now() - at)
  }
  times.sort((a, b) => a - b)
  t.comment(`${times[50]!.toFixed(1)} ms, at most ${times.at(-1)!.toFixed(0)} ms`)
  t.ok(times[50]! < 100)
  t.match(await flood, { name: 'DeadlineExceededError' })
})

t.test('where a function throws', async t => {
  const { executor, client } = await start(t)
  const { requestId } = await rejection(client.call(['throws', 'what went wrong']))
  await executor.line(/"failed"/)
  const [failed] = logged(executor, 'failed')
  t.match(failed, { requestId, code: 500, error: 'what went wrong' })
  const lines = readFileSync(PRINTS, 'utf8').split('\n')
  const at = lines.findIndex(line => line.includes('throw new Error(text)')) + 1
  t.match(failed.stack, new RegExp(`^Error: what went wrong\\n +at .*prints\\.mjs:${at}:\\d+`))
})

t.test('errors in a batch are counted and logged', async t => {
  const { executor, client } = await start(t)
  const outcomes = []
  for await (const outcome of client.map(
    Array.from({ length: 10 }, (_, i) => ['odd', i]),
    { batchSize: 10 },
  ))
    outcomes.push(outcome)
  t.equal(outcomes.filter(({ error }) => error).length, 5)
  await executor.line(/"failed"/, 5)
  const failed = logged(executor, 'failed')
  t.equal(failed.length, 5)
  t.match(failed[0], { requestId: /\.1$/, code: 500, error: 'secret 1', stack: /prints\.mjs:\d+/ })
  const nc = await connectTo(t, server)
  const stats = (await nc.request('$SRV.STATS.prints', '', { timeout: 5000 })).json<any>()
  t.match(stats.endpoints[0], { num_requests: 10, num_errors: 5 })
  t.notMatch(stats.endpoints[0].last_error, /secret/)
  await rejection(client.call(['throws', 'secret text']))
  const then = (await nc.request('$SRV.STATS.prints', '', { timeout: 5000 })).json<any>()
  t.match(then.endpoints[0], { num_requests: 11, num_errors: 6, last_error: '500: ExecutionError' })
})
