// The requests that have not been sent to a slot, oldest first.
import type { Task } from './task.js'

export class Backlog<T extends Task> {
  #tasks: T[] = []

  get length() {
    return this.#tasks.length
  }

  get oldest(): T | undefined {
    return this.#tasks[0]
  }

  get newest(): T | undefined {
    return this.#tasks.at(-1)
  }

  /** When the first of them has a deadline. */
  get nextDeadline() {
    return this.#tasks.reduce((soonest, { deadline }) => Math.min(soonest, deadline), Infinity)
  }

  /** Puts requests in, each at the place of its age. */
  add(...tasks: T[]) {
    for (const task of tasks) {
      const at = this.#tasks.findLastIndex(other => other.since <= task.since) + 1
      this.#tasks.splice(at, 0, task)
    }
  }

  shift(): T | undefined {
    return this.#tasks.shift()
  }

  /** Takes the oldest one out that is wanted. */
  take(isWanted: (task: T) => boolean): T | undefined {
    const at = this.#tasks.findIndex(isWanted)
    return at < 0 ? undefined : this.#tasks.splice(at, 1)[0]
  }

  /** Whether it was here. */
  remove(task: T): boolean {
    const at = this.#tasks.lastIndexOf(task)
    return at >= 0 && this.#tasks.splice(at, 1).length > 0
  }

  /** Takes all out whose deadline has passed. */
  takeExpired(now: number): T[] {
    if (!this.#tasks.some(({ deadline }) => deadline <= now)) return []
    const expired = this.#tasks.filter(({ deadline }) => deadline <= now)
    this.#tasks = this.#tasks.filter(({ deadline }) => deadline > now)
    return expired
  }
}
