// When an executor is as good as lost for what waits there: all of its slots compute what takes far longer than usual, and may for ever.
import type { Pool } from '../slots/pool.js'
import type { Job } from './job.js'

/** So many times longer than the function usually takes, and so many milliseconds at least. */
const STUCK = { times: 10, leastMs: 200 }

/** From when on it is so, if no slot gets free before; by `performance.now()`. */
export function stuckAt(pool: Pool<Job>, usualMs: (functionName: string) => number | undefined): number {
  if (pool.free > 0) return Infinity
  return Math.max(
    ...pool.running.map(({ startedAt, functionName }) => {
      const usual = usualMs(functionName) ?? Infinity
      return startedAt + Math.max(STUCK.leastMs, STUCK.times * usual)
    }),
  )
}
