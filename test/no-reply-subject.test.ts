// A message that nobody waits for is not computed.
import { once } from 'node:events'
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

t.test('a message without a reply subject is ignored, with a notice', async t => {
  const server = await startServer(t)
  const executor = await startExecutor(t, server)
  const nc = await connectTo(t, server)
  const called: string[] = []
  executor.on('started', ({ argument }) => called.push(argument))
  const noticed = once(executor, 'warning')
  nc.publish('acts', '["echo",1]')
  t.match(await noticed, [/without a reply subject/])
  const reply = await nc.request('acts', '["echo",2]', { timeout: 10_000 })
  t.equal(reply.string(), '2')
  t.strictSame(called, ['["echo",2]'])
})
