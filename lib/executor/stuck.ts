// When an executor is as good as lost for what waits there: all of its slots compute what takes far longer than usual, and may for ever.
import type { Pool } from '../slots/pool.js'
import type { Job } from './job.js'

/** So many times longer than in the mean, and so many milliseconds at least. */
const STUCK = { times: 10, leastMs: 200 }

/** From when on it is so, if no slot gets free before; by `performance.now()`. */
export function stuckAt(pool: Pool<Job>, meanMs = Infinity): number {
  if (pool.free > 0) return Infinity
  const lastStartedAt = Math.max(...pool.running.map(({ startedAt }) => startedAt))
  return lastStartedAt + Math.max(STUCK.leastMs, STUCK.times * meanMs)
}
