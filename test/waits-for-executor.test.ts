// A call that finds no executor gets its answer from one that is started meanwhile.
import { deferred } from 'nats'
import t from 'tap'
import { newClient, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

t.test('a client tries again until an executor is there', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const refused = deferred<void>()
  let attempts = 0
  const { request } = nc
  nc.request = (...args) => {
    const answer = request.apply(nc, args)
    answer.catch(() => ++attempts === 3 && refused.resolve())
    return answer
  }
  const call = newClient(t, server, { connection: nc }).request(['echo', 'late'])
  await refused
  const executor = await startExecutor(t, server)
  t.match(await call, { result: 'late', executor: executor.id })
})
