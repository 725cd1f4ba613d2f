// The requests that have not been sent to a slot, in the order in which they are to be computed.
import { insert, remove } from './in-order.js'
import { type Limits, Shares } from './shares.js'
import type { Task } from './task.js'

export class Backlog<T extends Task> {
  #tasks: T[] = []
  readonly #shares = new Shares<T>()
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
      insert(this.#tasks, task)
      this.#shares.add(task)
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

  /** The first one that may start. */
  first(isBlocked?: (task: T) => boolean): T | undefined {
    return isBlocked ? this.#tasks.find(task => !isBlocked(task)) : this.#tasks[0]
  }

  /** Whether it was here. */
  remove(task: T): boolean {
    const isHere = remove(this.#tasks, task)
    if (isHere) this.#leaves(task)
    return isHere
  }

  clear(): T[] {
    this.nextDeadline = Infinity
    const all = this.#tasks.splice(0)
    for (const task of all) this.#leaves(task)
    return all
  }

  /** Takes those out that make room for a request for which there is none, if its client holds less than another one; see `Shares`. */
  evictFor(task: T, limits: Limits): readonly T[] {
    const { byteLength } = task.body
    // What is beyond the limit already is not that one's affair.
    const missingBytes = Math.min(byteLength, this.bytes + byteLength - limits.backlogBytes)
    const evicted = this.#shares.evictedFor(task, missingBytes, limits)
    for (const each of evicted) this.remove(each)
    return evicted
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

  #leaves(task: T) {
    this.#shares.delete(task)
    this.bytes -= task.body.byteLength
  }
}
