// Calls with which executors died twice are sent one after the other: one that has ended keeps no other waiting.
import { headers } from 'nats'
import t from 'tap'
import { newClient, rejection } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { ScriptedExecutor, idOf } from './fixtures/scripted-executor.js'

t.test('one that has ended while there was no server', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const executor = new ScriptedExecutor(nc, 'suspects')
  const client = newClient(t, server, { service: 'suspects' })

  /** Executors die while they compute the next request; resolves with its attempt after that. */
  async function die(...executorIds: string[]) {
    for (const id of executorIds) {
      const request = await executor.request(executor.requests.length + 1)
      await executor.be(id)
      executor.notify(request, id, 'computing')
      const { answer } = await executor.question(({ executorId }) => executorId === id)
      answer({ executorId: id, computing: [idOf(request)] })
      await executor.leave(id)
    }
    return executor.request(executor.requests.length + 1)
  }

  const first = rejection(client.call(1, { timeout: 6000, detached: true }))
  const attempt = await die('one', 'two')
  const head = headers()
  head.set('Request-Id', idOf(attempt))
  head.set('Nats-Service-Error-Code', '503')
  head.set('Retry-After-Ms', '300')
  attempt.respond('', { headers: head })
  await nc.flush()
  await server.kill()
  t.match(await first, { name: 'NoExecutorsError', message: /^no nats-server/ })
  await server.start()
  const second = client.call(2, { timeout: 10_000 })
  executor.respond(await Promise.race([die('three', 'four'), second as Promise<never>]), 'computed')
  t.equal(await second, 'computed')
})
