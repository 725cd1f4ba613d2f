// A call that finds no executor gets its answer from one that is started meanwhile.
import { deferred } from 'nats'
import t from 'tap'
import { newClient, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

t.test('a client tries again until an executor is there', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const triedAgain = deferred<void>()
  let attempts = 0
  const { publish } = nc
  nc.publish = (...args) => {
    publish.apply(nc, args)
    if (args[0] === 'acts' && ++attempts === 3) triedAgain.resolve()
  }
  const call = newClient(t, server, { connection: nc }).request(['echo', 'late'])
  await triedAgain
  const executor = await startExecutor(t, server)
  t.match(await call, { result: 'late', executorId: executor.id })
})
