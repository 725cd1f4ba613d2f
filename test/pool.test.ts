// The slots of an executor and its backlog.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Task } from '../lib/slots/task.js'
import { parseRequest } from '../lib/protocol/request.js'
import { Pool } from '../lib/slots/pool.js'
import type { PoolOwner } from '../lib/slots/pool-owner.js'
import { fixture } from './fixtures/library.js'

/** A pool that is ready, and what computes something in it. */
async function startPool(t: Test, concurrency = 1, change: Partial<PoolOwner<Task>> = {}) {
  const events = new EventTarget()
  const say = (name: string) => () => void events.dispatchEvent(new Event(name))
  const owner: PoolOwner<Task> = {
    ended: say('ended'),
    started: () => {},
    ready: say('ready'),
    changed: () => {},
    interrupted: () => {},
    argumentFailed: () => {},
    progressed: () => {},
    imported: () => {},
    output: () => {},
    warning: () => {},
    failed: error => t.fail(error.message),
    isWorking: () => {},
    hopeless: () => {},
    ...change,
  }
  const module = fixture('acts.mjs').href
  const pool = new Pool(
    {
      module,
      title: 'pool test',
      concurrency,
      processes: concurrency,
      memoryLimit: 200,
      maxRequests: Infinity,
      execArgv: [],
      timeLimit: 60_000,
      backlog: 10,
      backlogBytes: 1e6,
    },
    owner,
  )
  t.teardown(() => pool.close())
  await once(events, 'ready')
  const compute = async (...act: [string, number?]) => {
    const ended = once(events, 'ended')
    pool.add(requestOf(bodyOf(act)))
    await ended
  }
  return { pool, compute }
}

const bodyOf = (act: [string, number?]) => Buffer.from(JSON.stringify(act))

const requestOf = (body: Uint8Array) => parseRequest(undefined, body, ['inbox'], 0) as unknown as Task

t.test('a computation that starts after a long one is taken for long at once', async t => {
  const { pool, compute } = await startPool(t)
  await compute('sleep', 20)
  t.equal(pool.free, 1)
  pool.add(requestOf(bodyOf(['echo'])))
  t.equal(pool.free, 0)
})

t.test('one that starts after short ones is not', async t => {
  const { pool, compute } = await startPool(t)
  do await compute('echo')
  while (pool.slots[0]!.room.isCautious)
  pool.add(requestOf(bodyOf(['sleep', 20])))
  t.equal(pool.free, 1)
})

t.test('a request that waits keeps a copy of its body alone, not the packet of sixty times its size', async t => {
  const { pool } = await startPool(t)
  pool.add(requestOf(bodyOf(['never'])))
  // As nats.js gives it: a part of what the socket has read.
  const packet = Buffer.alloc(65_536, ' ')
  const body = packet.subarray(100, 100 + packet.write('["echo",1]', 100))
  t.ok(pool.add(requestOf(body)))
  const { body: kept } = pool.releaseAll()[0]!
  t.equal(Buffer.from(kept).toString(), '["echo",1]')
  t.equal(kept.buffer.byteLength, kept.byteLength)
})

t.test(
  'what is sent ahead and what waits comes in the order of priority and age, and leaves only if it has not started',
  async t => {
    const { pool, compute } = await startPool(t)
    await compute('sleep', 20)
    const task = (waited: number, priority = 0) =>
      Object.assign(parseRequest(undefined, bodyOf(['sleep', 60_000]), ['inbox'], waited), {
        priority,
      }) as never as Task
    const [running, young, old, urgent, idle] = [task(0), task(10), task(1000), task(0, 1), task(5000, -1)] as const
    for (const one of [running, young, old, urgent, idle]) pool.add(one)
    t.strictSame([...pool.stuck()], [urgent, old, young, idle])
    while (!urgent.slot) await sleep(1)
    t.ok(pool.release(urgent), 'it was sent ahead')
    t.ok(pool.release(young))
    t.notOk(pool.release(young), 'it is not here any more')
    t.notOk(pool.release(running))
    t.strictSame([...pool.stuck()], [old, idle])
    t.strictSame(new Set(pool.releaseAll()), new Set([old, idle]))
  },
)

t.test('a backlog is bounded by bytes, too', async t => {
  const { pool } = await startPool(t)
  pool.add(requestOf(bodyOf(['never'])))
  const body = Buffer.from(JSON.stringify(['echo', 'x'.repeat(600_000)]))
  let count = 0
  while (pool.add(requestOf(body))) count++
  t.ok(count >= 1 && count <= 2, `${count}: one may have been sent ahead`)
  while (count > 0) {
    count -= pool.releaseAll().length
    await sleep(1)
  }
  t.ok(pool.add(requestOf(body)))
})

t.test(
  'behind a computation without an end nothing is sent ahead again and again, until it cannot be taken back',
  async t => {
    const { pool, compute } = await startPool(t, 2)
    await compute('sleep', 20)
    pool.add(requestOf(bodyOf(['loop'])))
    // More than a pipe takes, and always one that waits while the other slot computes.
    for (let round = 0; round < 600; round++) {
      if (pool.size < 2) pool.add(requestOf(bodyOf(['spin', 3])))
      await compute('spin', 3)
    }
    while (pool.waiting > 0 || pool.free === 0) await sleep(1)
    t.equal(pool.size, 1, 'only that one is left')
  },
)

t.test('nor what is so large that it cannot be taken back', async t => {
  const { pool } = await startPool(t)
  pool.add(requestOf(bodyOf(['loop'])))
  while (pool.slots[0]!.room.longAt >= performance.now());
  const large = requestOf(Buffer.from(JSON.stringify(['size', 'x'.repeat(500_000)])))
  const small = requestOf(bodyOf(['echo']))
  pool.add(large)
  pool.add(small)
  t.notOk(large.slot)
  t.notOk(small.slot, 'it does not overtake')
  t.ok(pool.release(large))
  t.ok(small.slot, 'it is sent ahead')
  t.ok(pool.release(small))
})
