// The original's typical use: several executors share several requests, each computed once.
import t from 'tap'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const ANSWERS = { 22: 17711, 23: 28657, 24: 46368, 25: 75025, 26: 121393, 27: 196418, 28: 317811, 29: 514229 }

t.test('four executors and eight clients at once', async t => {
  const server = await startServer(t)
  const executors = Array.from({ length: 4 }, () => run(t, 'executor', [], { NATS_URL: server.url }))
  await Promise.all(executors.map(executor => executor.line(/Awaiting requests on fibonacci/)))
  await Promise.all(
    Object.entries(ANSWERS).map(async ([argument, result]) => {
      const client = run(t, 'client', [argument], { NATS_URL: server.url })
      t.equal(await client.exit, 0)
      t.strictSame(client.stdout, [String(result)])
    }),
  )
  for (const executor of executors) executor.kill('SIGTERM')
  for (const executor of executors) t.equal(await executor.exit, 0)
  const lines = executors.flatMap(executor => executor.stdout)
  for (const [argument, result] of Object.entries(ANSWERS)) {
    t.equal(lines.filter(line => line.includes(`calling fibonacci on ${argument} `)).length, 1)
    t.equal(lines.filter(line => line.includes(`response: ${result} `)).length, 1)
  }
})
