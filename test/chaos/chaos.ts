// Several clients call without a break while a nemesis rages; then a checker reads what became of each call.
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'nats'
import { ExecutorClient } from 'nats-executor'
import { Server } from '../fixtures/nats-server.js'
import { Nemesis } from './nemesis.js'
import { seededRandom } from './random.js'

export interface ChaosOptions {
  seconds: number
  seed: number
  clients: number
  executors: number
  /** Calls of one client at the same time. */
  inFlight: number
  /** Between two strikes of the nemesis, on average, in milliseconds. */
  pauseMs: number
}

export interface Outcome {
  calls: number
  right: number
  wrong: number
  /** By the name of the error. */
  errors: Record<string, number>
  strikes: Record<string, number>
  wrongExits: (number | string)[]
  /** What the executors still had when all calls had ended. */
  left: number
  longestMs: number
}

/** A call's timeout: long enough to outlive whatever the nemesis does. */
const TIMEOUT_MS = 60_000
const SETTLED_MS = 20_000

export async function chaos({ seconds, seed, clients, executors, inFlight, pauseMs }: ChaosOptions): Promise<Outcome> {
  const random = seededRandom(seed)
  const server = new Server([])
  await server.start()
  const nemesis = new Nemesis(server, random)
  const errors: Record<string, number> = {}
  const outcome = { calls: 0, right: 0, wrong: 0, longestMs: 0 }
  try {
    await nemesis.start(executors)
    const until = performance.now() + seconds * 1000
    const callers = Array.from({ length: clients }, async (_, number) => {
      const workload = seededRandom(seed + 1 + number)
      const client = new ExecutorClient({
        connection: { servers: server.url },
        subject: 'chaos',
        timeout: TIMEOUT_MS,
      })
      const one = async () => {
        while (performance.now() < until) {
          const value = ++outcome.calls
          const ms = workload() < 0.05 ? 200 + 800 * workload() : 40 * workload()
          const from = performance.now()
          try {
            const result = await client.call<{ value: number; square: number }>({ value, ms })
            if (result.value === value && result.square === value * value) outcome.right++
            else outcome.wrong++
          } catch (error) {
            const { name } = error as Error
            errors[name] = (errors[name] ?? 0) + 1
          }
          outcome.longestMs = Math.max(outcome.longestMs, performance.now() - from)
        }
      }
      await Promise.all(Array.from({ length: inFlight }, one))
      await client.close()
    })
    const raging = nemesis.rage(pauseMs)
    await sleep(seconds * 1000)
    await nemesis.heal()
    await raging
    await Promise.all(callers)
    const left = await settled(server.url)
    await nemesis.stop()
    return { ...outcome, errors, strikes: Object.fromEntries(nemesis.counts), wrongExits: nemesis.wrongExits, left }
  } finally {
    nemesis.kill()
    await server.kill()
  }
}

/** How many requests the executors still hold; waits for them to notice that nobody wants them any more. */
async function settled(url: string): Promise<number> {
  const nc = await connect({ servers: url })
  try {
    const until = performance.now() + SETTLED_MS
    for (;;) {
      let held = 0
      for await (const reply of await nc.requestMany('$SRV.STATS.chaos', '', { maxWait: 500 })) {
        const { backlog, computing } = reply.json<any>().endpoints[0].data
        held += backlog + computing
      }
      if (held === 0 || performance.now() > until) return held
    }
  } finally {
    await nc.close()
  }
}
