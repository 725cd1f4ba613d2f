// The processes in which functions are computed: their options, names, environment, and how they are replaced.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { root } from '../dev/root.js'
import {
  Journal,
  POISON,
  commandLine,
  descendants,
  isAlive,
  killIfThere,
  logged,
  startExecutors,
} from './fixtures/executors.js'
import { newClient } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run, runFile } from './fixtures/processes.js'

const server = await startServer(t)
const EXECUTOR = fileURLToPath(new URL('cmd/executor', root))
const slotsOf = (pid: number) =>
  descendants(pid).filter(child => commandLine(child)[0]!.startsWith('nats-executor slot'))

t.test('--max-requests', async t => {
  const { executors, journal } = await startExecutors(t, server, 1, ['--max-requests', '5'])
  const client = newClient(t, server, { service: 'poison' })
  let slowest = 0
  for (let i = 0; i < 60; i++) {
    const at = performance.now()
    t.equal(await client.call(['wait', 50]), 50)
    slowest = Math.max(slowest, performance.now() - at - 50)
  }
  t.comment(`slowest: ${slowest.toFixed(0)} ms`)
  const counts = new Map<number, number>()
  for (const { pid } of journal.entries) counts.set(pid, (counts.get(pid) ?? 0) + 1)
  t.comment(JSON.stringify([...counts.values()]))
  t.ok(counts.size >= 5)
  t.ok(slowest < 1000)
  // Short ones by the hundred.
  const values = Array.from({ length: 2000 }, (_, i) => i)
  t.strictSame(await Promise.all(values.map(i => client.call(['echo', i]))), values)
  const ids = journal.entries.map(({ id }) => id)
  t.equal(new Set(ids).size, ids.length, 'each was computed once')
  t.strictSame(logged(executors[0]!, 'warning'), [])
  for (;;) if (slotsOf(executors[0]!.pid).length <= 2) break
})

t.test('a process has the name of what it computes, and nothing of the credentials', async t => {
  const journal = new Journal(t)
  const flags = ['--servers', server.url, '--service', 'some.thing', POISON, '--log', 'json']
  const executor = run(t, 'executor', flags, {
    ...journal.env,
    NATS_URL: 'nats://user:secret@nowhere',
    NATS_TOKEN: 'secret',
  })
  const { executorId } = JSON.parse(await executor.line(/"ready"/))
  const [pid, ...others] = slotsOf(executor.pid)
  t.strictSame(others, [])
  t.equal(commandLine(pid!)[0], `nats-executor slot some.thing ${executorId} poison.mjs`)
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  t.ok(environment.includes(`JOURNAL=${journal.file}`))
  t.strictSame(
    environment.filter(entry => entry.startsWith('NATS_')),
    [],
  )
})

const HOOK = 'globalThis.hooked = "by a hook"'
const folder = t.testdir({
  'hook.mjs': HOOK,
  variables: 'NATS_SECRET=secret\n',
  'a hook.mjs': HOOK,
  'hooked.mjs':
    'export default () => [globalThis.hooked ?? null, process.execArgv, typeof gc, process.env.NATS_SECRET ?? null]',
})

t.test('--exec-argv', async t => {
  const flags = ['--servers', server.url, `${folder}/hooked.mjs`, '--exec-argv']
  const executor = run(t, 'executor', [...flags, ` --expose-gc  --import ${folder}/hook.mjs `])
  await executor.line(/Awaiting requests on hooked /)
  const result: any = await newClient(t, server, { service: 'hooked' }).call(1)
  t.match(result, ['by a hook', Array, 'function'])
})

t.test('--exec-argv with a space in a path', async t => {
  const flags = ['--servers', server.url, '--service', 'space', `${folder}/hooked.mjs`]
  const executor = run(t, 'executor', [...flags, `--exec-argv=--import="${folder}/a hook.mjs" --expose-gc`])
  await executor.line(/Awaiting requests on space /)
  const result: any = await newClient(t, server, { service: 'space' }).call(1)
  t.match(result, ['by a hook', Array, 'function'])
})

t.test("the executor's own options of Node", async t => {
  const flags = ['--servers', server.url, `${folder}/hooked.mjs`]
  const values = ['--inspect-port', '0', '--test-name-pattern', 'local', '--env-file', `${folder}/variables`]
  const own = ['--max_old_space_size=300', '--initial-heap-size=50', ...values, '--import', `${folder}/hook.mjs`]
  const executor = runFile(t, process.execPath, [...own, EXECUTOR, ...flags])
  await executor.line(/Awaiting requests on hooked /)
  const result: any = await newClient(t, server, { service: 'hooked' }).call(1)
  const inherited = ['--import', `${folder}/hook.mjs`, '--max-old-space-size=1024']
  // It does not see the secret, which the executor has.
  t.strictSame(result, ['by a hook', inherited, 'undefined', null])
})

t.test('a process that is ended from outside', async t => {
  const { executors } = await startExecutors(t, server, 1, ['--concurrency', '2'])
  const executor = executors[0]!
  const client = newClient(t, server, { service: 'poison' })
  const before = slotsOf(executor.pid)
  t.equal(before.length, 2)
  for (const pid of before) killIfThere(pid)
  for (;;) {
    const now = slotsOf(executor.pid)
    if (now.length === 2 && now.every(pid => isAlive(pid) && !before.includes(pid))) break
  }
  for (let i = 0; i < 100; i++) t.equal(await client.call(['echo', i]), i)
  t.ok(executor.isRunning)
})
