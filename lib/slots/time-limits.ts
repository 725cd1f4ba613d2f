// How long computations may take, and when a slot is to be looked at for that.
import type { FunctionTable } from './function-table.js'
import type { Room } from './room.js'
import type { Task } from './task.js'

/** A computation that has taken so long may be one that is cancelled, or runs into a limit. */
const OLD_MS = 500

export class TimeLimits {
  readonly #functions: FunctionTable
  readonly #most: number

  /** `most`: the executor's time limit, in milliseconds. */
  constructor(functions: FunctionTable, most: number) {
    this.#functions = functions
    this.#most = most
  }

  isOld({ startedAt }: Task, now: number) {
    return now >= startedAt + this.#oldMs
  }

  /** Why a computation is to end now; undefined if it is not. */
  over(task: Task, now: number): string | undefined {
    if (task.deadline <= now) return 'the deadline passed while computing'
    const limit = this.#functions.timeLimit(task, this.#most)
    const whose = limit < this.#most ? 'function' : 'executor'
    if (now < task.startedAt + limit) return undefined
    return `the computation took longer than the ${whose}'s time limit of ${limit} ms`
  }

  /** When something is to be seen in a slot next: a computation that may turn long, or get old, or must end. */
  nextLookAt({ running, prefetched, isLong, longAt }: Room<Task>, hasBacklog: boolean): number {
    const now = performance.now()
    let at = prefetched?.deadline ?? Infinity
    // Only then the next one may be sent ahead.
    if (running.length > 0 && (!isLong || (hasBacklog && longAt > now))) at = Math.min(at, longAt)
    for (const task of running) {
      const { startedAt, deadline, ending } = task
      if (ending) continue
      at = Math.min(at, deadline, startedAt + this.#functions.timeLimit(task, this.#most))
      if (!this.isOld(task, now)) at = Math.min(at, startedAt + this.#oldMs)
    }
    return at
  }

  get #oldMs() {
    return Math.min(OLD_MS, this.#most / 2)
  }
}
