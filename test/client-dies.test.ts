// A client that dies without a word: its requests end, and the executor says that alone of it.
import { on } from 'node:events'
import t from 'tap'
import { startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

t.test('what waits is dropped, and what is computed ends', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const warnings: string[] = []
  executor.on('warning', text => warnings.push(text))
  const failed = on(executor, 'failed')
  const args = ['--service', 'acts', '["never"]', '["echo",1]']
  const client = run(t, 'client', args, { NATS_URL: server.url })
  const nc = await connectTo(t, server)
  // It asks for what has been there for a while: only a client that was heard of can be missed.
  for await (const { subject } of nc.subscribe('_EXEC.hold.acts.*')) if (subject.endsWith(executor.id)) break
  client.kill('SIGKILL')
  for (const _ of args.slice(2)) t.match((await failed.next()).value, [{ code: 499, error: 'its client is gone' }])
  t.strictSame(warnings, [])
  t.equal((await statistics(nc)).dropped, 0)
})
