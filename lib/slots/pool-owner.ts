// What a pool is given, and what it tells whoever has it.
import type { CrewOptions, CrewOwner } from './crew.js'
import type { Outcome, Task } from './task.js'

export interface PoolOwner<T extends Task> extends Pick<
  CrewOwner<T>,
  'argumentFailed' | 'progressed' | 'imported' | 'output' | 'warning' | 'failed' | 'isWorking' | 'hopeless'
> {
  ended(outcome: Outcome<T>): void
  /** It had started, and something ended it that is not its fault. */
  interrupted(task: T, text: string): void
  /** A computation started, as far as this process can know. */
  started(task: T): void
  /** All slots have loaded the function. */
  ready(): void
  /** A slot became free or busy, or requests that wait came or left. */
  changed(): void
}

export interface PoolOptions extends CrewOptions {
  timeLimit: number
  backlog: number
  backlogBytes: number
}
