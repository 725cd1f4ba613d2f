// Many more requests than the backlog takes: each gets its answer, and the executor does not grow with them.
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { fixture, newClient } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const REQUESTS = 2000
const BACKLOG = 20

t.test('a client sends what was refused again as there is room', async t => {
  const server = await startServer(t)
  const flags = ['--service', 'acts', fixture('acts.mjs').href, '--backlog', String(BACKLOG)]
  const executor = run(t, 'executor', ['--servers', server.url, ...flags, '--log', 'none'])
  const client = newClient(t, server)
  const text = 'x'.repeat(1000)
  for (let i = 0; i < 500; i++) await client.call(['size', text])
  const idle = memory(executor.pid)
  let most = idle
  const timer = setInterval(() => (most = Math.max(most, memory(executor.pid))), 20)
  t.teardown(() => clearInterval(timer))
  const lengths = Array.from({ length: REQUESTS }, (_, i) => i)
  const answers = await Promise.all(lengths.map(i => client.call(['sleep', 1, i, text])))
  t.equal(answers.length, REQUESTS)
  const isUnknown = idle === 0 && 'its memory can be read on Linux only'
  t.ok(most < 2 * idle, `the executor has ${most} KiB at most, ${idle} KiB before`, { skip: isUnknown })
  const nc = await connectTo(t, server)
  const { num_errors: refused } = (await nc.request('$SRV.STATS.acts')).json<any>().endpoints[0]
  t.ok(refused < 2 * REQUESTS, `${refused} times there was no room`)
})

/** What a process has in memory, in KiB; 0 where that cannot be read as on Linux. */
function memory(pid: number) {
  const file = `/proc/${pid}/status`
  return existsSync(file) ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1]) : 0
}
