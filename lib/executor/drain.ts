// How an executor stops that has started: it leaves its group, what is here is computed, by itself or by others, the rest is answered, and
// then it ends its slots and lets go of its connection. Each step is bounded in time, whatever the server and the functions do.
import { setTimeout as sleep } from 'node:timers/promises'
import { isOpen, within } from '../nats/connection.js'
import type { NatsConnection } from '../nats/nats.js'
import { Code } from '../protocol/codes.js'
import type { Pool } from '../slots/pool.js'
import type { Desk } from './desk.js'
import type { Job } from './job.js'

export const STOPPED = 'the executor was stopped'
/** For the last messages, whatever the server does, in milliseconds. */
export const FAREWELL_MS = { drained: 500, atOnce: 150 }
/** How often stopping looks whether all is done, in milliseconds. */
const LOOK_MS = 5
/** For slots to end in order, in milliseconds. */
const CLOSE_MS = { least: 250, most: 2500 }

export interface DrainParts {
  readonly nc: NatsConnection
  readonly desk: Desk
  readonly pool: Pool<Job>
  /** Aborted when it is to stop at once. */
  readonly signal: AbortSignal
  /** Lets go of the connection. */
  leave(): Promise<void>
}

/** `until`: how long requests that are here may still be computed, by `performance.now()`. */
export async function drain({ nc, desk, pool, signal, leave }: DrainParts, until: number) {
  const isOver = () => signal.aborted || performance.now() > until
  const aborted = new Promise(resolve => signal.addEventListener('abort', resolve))
  if (!isOver()) await within(Promise.race([desk.leaveGroup(), aborted]), until - performance.now())
  while (!isOver() && !desk.isIdle) await sleep(LOOK_MS)
  desk.refuseRest()
  for (const job of pool.running) pool.end(job, Code.unavailable, STOPPED)
  // Their processes may take longer to end than this one.
  if (signal.aborted) desk.answerRunning(STOPPED)
  const farewell = performance.now() + (signal.aborted ? FAREWELL_MS.atOnce : FAREWELL_MS.drained)
  while (performance.now() < farewell && (pool.size > 0 || desk.delivering > 0)) await sleep(LOOK_MS)
  // What came back from slots that were ended, or did not.
  desk.refuseRest()
  desk.answerRunning(STOPPED)
  const goodbye = async () => {
    await desk.close()
    if (isOpen(nc)) await nc.flush()
  }
  await within(goodbye(), farewell - performance.now())
  // What user code wants done has its time, as long as stopping may take.
  await pool.close(signal.aborted ? 0 : Math.max(CLOSE_MS.least, Math.min(CLOSE_MS.most, until - performance.now())))
  await within(leave(), Math.max(LOOK_MS, farewell - performance.now()))
}
