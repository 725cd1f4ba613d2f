// The slots of an executor and its backlog.
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { Task } from '../lib/slots/task.js'
import { parseRequest } from '../lib/protocol/request.js'
import type { PoolOwner } from '../lib/slots/pool-owner.js'
import { fixture } from './fixtures/library.js'

// Its threads need what was built.
const { Pool } = await import(new URL('../dist/lib/slots/pool.js', import.meta.url).href)

/** A pool that is ready, how often it told of a long computation, and what computes something in it. */
async function startPool(t: Test, concurrency = 1, change: Partial<PoolOwner<Task>> = {}) {
  const told = { long: 0 }
  const events = new EventTarget()
  const say = (name: string) => () => void events.dispatchEvent(new Event(name))
  const owner: PoolOwner<Task> = {
    ended: say('ended'),
    started: () => {},
    saturated: () => {},
    turnedLong: () => void told.long++,
    isOutranked: () => false,
    fetchBefore: () => false,
    stuck: () => {},
    moved: say('moved'),
    interrupted: () => {},
    argumentFailed: () => {},
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
    },
    owner,
  )
  t.teardown(() => pool.close())
  while (!pool.isReady) await once(events, 'moved')
  const compute = async (...act: [string, number?]) => {
    const ended = once(events, 'ended')
    pool.add(requestOf(bodyOf(act)))
    await ended
  }
  return { pool, told, compute, events }
}

const bodyOf = (act: [string, number?]) => Buffer.from(JSON.stringify(act))

const requestOf = (body: Uint8Array) => parseRequest(undefined, body, ['inbox'], 0) as unknown as Task

t.test('a computation that starts after a long one is taken for long at once', async t => {
  const { pool, told, compute } = await startPool(t)
  await compute('sleep', 20)
  const before = told.long
  pool.add(requestOf(bodyOf(['echo'])))
  t.equal(told.long, before + 1)
})

t.test('one that starts after short ones is not', async t => {
  const { pool, told, compute } = await startPool(t)
  do await compute('echo')
  while (pool.slots[0].isCautious)
  const before = told.long
  pool.add(requestOf(bodyOf(['sleep', 20])))
  t.equal(told.long, before)
})

t.test('a request that waits keeps a copy of its body alone, not the packet of sixty times its size', async t => {
  const { pool } = await startPool(t)
  pool.add(requestOf(bodyOf(['never'])))
  // As nats.js gives it: a part of what the socket has read.
  const packet = Buffer.alloc(65_536, ' ')
  const body = packet.subarray(100, 100 + packet.write('["echo",1]', 100))
  t.ok(pool.add(requestOf(body)))
  const { body: kept } = pool.take()
  t.equal(Buffer.from(kept).toString(), '["echo",1]')
  t.equal(kept.buffer.byteLength, kept.byteLength)
})

t.test('a slot that waits for an older request gets it, though another one has nothing on deck', async t => {
  const fetches: Task[] = []
  const { pool, events } = await startPool(t, 2, {
    isOutranked: ({ since }) => since > performance.now() - 500,
    fetchBefore: request => fetches.push(request) > 0,
  })
  const sleeping = (ms: number, waited = 0) =>
    parseRequest(undefined, bodyOf(['sleep', ms]), ['inbox'], waited) as unknown as Task
  const [long, short, young, old] = [sleeping(5000), sleeping(50), sleeping(10), sleeping(10, 1000)] as const
  for (const request of [long, short, young]) pool.add(request)
  await once(events, 'ended')
  while (fetches.length === 0) await once(events, 'moved')
  t.strictSame(fetches, [young])
  pool.insert(old)
  t.equal(pool.waiting, 2, 'it waits for what else comes')
  t.equal(old.slot, undefined)
  pool.resume()
  t.equal(pool.slots.find((slot: { running: Task[] }) => slot.running[0] === old)?.outstanding, 1)
  t.equal(young.slot, undefined)
})
