// A client keeps nothing of calls that are over: their arguments and results may be large.
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { ExecutorClient } from 'nats-executor'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { ScriptedExecutor } from './fixtures/scripted-executor.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const COUNT = 50

const server = await startServer(t)

/** Calls that are asked for, and then cancelled; what is kept alive as long as they are. */
async function cancelledCalls(client: ExecutorClient, isAskedFor: () => Promise<unknown>, before: () => unknown) {
  const kept: WeakRef<object>[] = []
  const abort = new AbortController()
  const calls = Array.from({ length: COUNT }, () => {
    const onProgress = () => {}
    kept.push(new WeakRef(onProgress))
    return rejection(client.call(['never'], { onProgress, signal: abort.signal }))
  })
  await isAskedFor()
  await before()
  abort.abort()
  for (const error of await Promise.all(calls)) t.match(error, { name: 'CancelledError' })
  return kept
}

/** Waits until they are gone, but for what the engine itself may keep. */
async function gone(kept: WeakRef<object>[], times = 60) {
  for (let tries = 0; tries < times; tries++) {
    collect()
    if (kept.filter(each => each.deref()).length <= 2) return true
    await sleep(200)
  }
  return false
}

t.test('while it has nothing to do', async t => {
  const scripted = new ScriptedExecutor(await connectTo(t, server), 'idle')
  await scripted.be('x1')
  const client = newClient(t, server, { service: 'idle' })
  const asked = () => scripted.question(({ ids }) => ids.length > 0)
  const kept = await cancelledCalls(client, asked, () => {})
  t.ok(await gone(kept))
})

t.test('that ended while there was no server', async t => {
  await startExecutor(t, server, { concurrency: COUNT + 1, processes: 1 })
  const client = newClient(t, server)
  t.equal(await client.call(['echo', 1]), 1)
  const kept = await cancelledCalls(
    client,
    () => client.call(['echo', 2]),
    async () => {
      await server.kill()
      while (client.missing === undefined) await sleep(10)
    },
  )
  await server.start()
  t.equal(await client.call(['echo', 3]), 3)
  t.ok(await gone(kept))
})

t.test('when it is closed, not even itself', async t => {
  const nc = await connectTo(t, server)
  await startExecutor(t, server, { service: 'closed', concurrency: 20, processes: 1 })
  const kept: WeakRef<object>[] = []
  for (let i = 0; i < 20; i++) {
    const client = new ExecutorClient({ connection: nc, service: 'closed' })
    kept.push(new WeakRef(client))
    const abort = new AbortController()
    const call = rejection(client.call(['sleep', 60_000], { signal: abort.signal }))
    t.equal(await client.call(['echo', i]), i)
    abort.abort()
    t.match(await call, { name: 'CancelledError' })
    await client.close()
  }
  t.ok(await gone(kept, 10))
})
