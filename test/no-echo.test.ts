// Executors that share a connection with `noEcho` do not hear each other.
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, newExecutor, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

t.test('two of one group are told', async t => {
  const server = await startServer(t)
  const connection = await connectTo(t, server, { noEcho: true })
  const warnings: string[] = []
  const start = async (options: object = {}) => {
    const executor = newExecutor(t, server, { connection, ...options })
    executor.on('warning', text => warnings.push(text))
    await executor.start()
    return executor
  }
  const first = await start()
  await start({ service: 'others' })
  await start({ queue: 'others' })
  await start({ balance: false })
  t.strictSame(warnings, [])
  await start()
  t.strictSame(warnings, [
    'another executor shares this connection, which has noEcho: requests do not move between them',
  ])
  await first.stop()
})

t.test('one that follows another is not', async t => {
  const server = await startServer(t)
  const connection = await connectTo(t, server, { noEcho: true })
  for (let i = 0; i < 2; i++) {
    const executor = newExecutor(t, server, { connection })
    executor.on('warning', text => t.fail(text))
    await executor.start()
    await executor.stop()
  }
})

t.test('one alone balances with those on other connections', async t => {
  const server = await startServer(t)
  const connection = await connectTo(t, server, { noEcho: true })
  const executors = [await startExecutor(t, server, { connection }), await startExecutor(t, server)]
  const nc = await connectTo(t, server)
  const client = newClient(t, server)
  for (const busy of executors)
    for (let isBusy = false; !isBusy;) {
      const gate = new Gate(t)
      const call = client.request(['gate', gate.name])
      await gate.heard('here')
      isBusy = (await statistics(nc, `acts.${busy.id}`)).computing === 1
      const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => client.request(['echo', i])))
      gate.open()
      const { executorId } = await call
      for (const reply of replies) t.not(reply.executorId, executorId)
    }
})
