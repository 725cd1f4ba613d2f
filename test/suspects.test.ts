// Calls with which executors died twice are sent one after the other: one that has ended keeps no other waiting.
import { mock } from 'node:test'
import { headers } from 'nats'
import t from 'tap'
import type { Call } from '../lib/client/call.js'
import { Suspects } from '../lib/client/suspects.js'
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

  const first = rejection(client.call(1, { timeout: 10_000, detached: true }))
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

t.test('many long ones are all sent soon', t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const suspects = new Suspects()
  const sent: Call[] = []
  const calls = Array.from({ length: 40 }, () => {
    const call = { send: () => sent.push(call) } as unknown as Call
    return call
  })
  for (const call of calls) suspects.sendAlone(call)
  let ms = 0
  for (; sent.length < calls.length && ms < 60_000; ms++) {
    suspects.found(sent.at(-1)!)
    mock.timers.tick(1)
  }
  t.strictSame([sent.length, sent[1]], [40, calls[1]])
  t.ok(ms > 4000 && ms <= 5000, `after ${ms} ms`)
  t.end()
})
