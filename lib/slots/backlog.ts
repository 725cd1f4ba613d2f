// The requests that have not been sent to a slot, in the order in which they are to be computed.
import { type Task, compareTasks } from './task.js'

export class Backlog<T extends Task> {
  #tasks: T[] = []
  /** Of all bodies. */
  bytes = 0

  get length() {
    return this.#tasks.length
  }

  /** No deadline is earlier. */
  nextDeadline = Infinity

  get all(): readonly T[] {
    return this.#tasks
  }

  /** Puts requests in, each at its place. */
  add(...tasks: T[]) {
    for (const task of tasks) {
      const at = this.#tasks.findLastIndex(other => compareTasks(other, task) <= 0) + 1
      this.#tasks.splice(at, 0, task)
      this.bytes += task.body.byteLength
      this.nextDeadline = Math.min(this.nextDeadline, task.deadline)
    }
  }

  countOf(functionName: string): number {
    return this.#tasks.filter(task => task.functionName === functionName).length
  }

  /** Whether one of them may start. */
  hasStartable(isBlocked: (task: T) => boolean): boolean {
    return this.#tasks.some(task => !isBlocked(task))
  }

  /** Takes the first one out that may start. */
  shift(isBlocked?: (task: T) => boolean): T | undefined {
    if (!isBlocked) return this.#leaves(this.#tasks.shift())
    const at = this.#tasks.findIndex(task => !isBlocked(task))
    return at < 0 ? undefined : this.#leaves(this.#tasks.splice(at, 1)[0])
  }

  /** Whether it was here. */
  remove(task: T): boolean {
    const at = this.#tasks.indexOf(task)
    return at >= 0 && this.#leaves(this.#tasks.splice(at, 1)[0]) !== undefined
  }

  clear(): T[] {
    this.bytes = 0
    this.nextDeadline = Infinity
    return this.#tasks.splice(0)
  }

  /** Takes all out whose deadline has passed. */
  takeExpired(now: number): T[] {
    if (now < this.nextDeadline) return []
    const expired = this.#tasks.filter(({ deadline }) => deadline <= now)
    if (expired.length > 0) this.#tasks = this.#tasks.filter(({ deadline }) => deadline > now)
    this.nextDeadline = this.#tasks.reduce((soonest, { deadline }) => Math.min(soonest, deadline), Infinity)
    for (const task of expired) this.#leaves(task)
    return expired
  }

  #leaves(task: T | undefined): T | undefined {
    this.bytes -= task?.body.byteLength ?? 0
    return task
  }
}
