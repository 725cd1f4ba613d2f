// What a pool is given, and what it tells whoever has it.
import type { CrewOptions, CrewOwner } from './crew.js'
import type { Outcome, Task } from './task.js'

export interface PoolOwner<T extends Task> extends Pick<
  CrewOwner<T>,
  'argumentFailed' | 'output' | 'warning' | 'failed' | 'isWorking' | 'hopeless'
> {
  ended(outcome: Outcome<T>): void
  /** It had started, and something ended it that is not its fault. */
  interrupted(task: T, text: string): void
  /** A computation started, as far as this process can know. */
  started(task: T): void
  /** The last free slot has been taken. */
  saturated(): void
  /** A computation has just turned out to be long. */
  turnedLong(): void
  /** The backlog has become longer and no slot is about to take from it. */
  stuck(): void
  /** Requests left the backlog for slots, or a slot became free. */
  moved(): void
  /** Whether an older request, which is elsewhere, is to be computed before this one. */
  isOutranked(task: T): boolean
  /** A slot is free for this request. True: an older one is fetched first, and `resume` follows. */
  fetchBefore(task: T): boolean
}

export interface PoolOptions extends CrewOptions {
  timeLimit: number
  backlog: number
}
