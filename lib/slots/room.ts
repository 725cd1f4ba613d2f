// What a slot has to do, and what it has room for: the requests that were sent to it, of which the first runs, or, where the slot is
// wider, all.
import { writeLine } from './request-line.js'
import { Sent } from './sent.js'
import type { Task } from './task.js'
import { Window } from './window.js'

/**
 * What is sent ahead lies unread in the pipe of a process that is blocked, and each word that takes it back. When the pipe is full, nothing
 * can be taken back any more: then a request would have to wait for the end of a computation that may have none.
 */
const MOST_AHEAD = { recalls: 8, bytes: 2 ** 13 }

/** Of requests with headers of their own, of which there may be thousands: as long as such a one is next, it is asked again and again. */
const known = new WeakMap<Task, boolean>()

/** Whether it may be sent ahead. */
export function isSmall(task: Task): boolean {
  const measure = () => task.body.byteLength + writeLine(task).length <= MOST_AHEAD.bytes
  if (task.headers === undefined) return measure()
  let is = known.get(task)
  if (is === undefined) known.set(task, (is = measure()))
  return is
}

export class Room<T extends Task> {
  /** How many run at the same time. */
  readonly width: number
  readonly sent = new Sent<T>()
  readonly window = new Window()
  /** The slot takes requests. */
  isOpen = false
  /** The first computation has taken longer than LONG_MS, or is taken for one that will. */
  isLong = false

  constructor(width: number) {
    this.width = width
  }

  /** How many were sent and have not ended. */
  get outstanding() {
    return this.sent.length
  }

  /** Whether the last computations do not promise that the next ones are short. */
  get isCautious() {
    return this.isLong || this.window.size === 1
  }

  /** How many more requests start at once. */
  get freePlaces() {
    if (!this.isOpen || this.sent.isUncertain) return 0
    return this.width > 1 ? this.width - this.sent.length : this.sent.length === 0 ? 1 : 0
  }

  /** How many more requests start at once, or as soon as computations are over that promise to be short. */
  get free() {
    if (!this.isOpen) return 0
    if (this.width > 1) return this.width - this.sent.length
    return this.isCautious && this.sent.length > 0 ? 0 : 1
  }

  /** Whether one more request may be sent that is computed soon. */
  get isThere() {
    if (!this.isOpen || this.sent.isUncertain) return false
    return this.sent.length < (this.width > 1 ? this.width : this.isLong ? 0 : this.window.size)
  }

  /** Whether the request that comes next may be sent ahead, if it is a small one: it can be taken back. */
  get mayPrefetch() {
    const { isOpen, isLong, sent, longAt } = this
    const isReady = isOpen && !sent.isUncertain && sent.length === 1 && isLong && longAt < performance.now()
    return isReady && sent.recalls < MOST_AHEAD.recalls
  }

  /** The request that was sent ahead while a long one runs. */
  get prefetched(): T | undefined {
    return this.isLong && !this.sent.isUncertain && this.width === 1 ? this.sent.second : undefined
  }

  /** The requests that run. */
  get running(): readonly T[] {
    return this.width > 1 ? this.sent.all : this.sent.all.slice(0, 1)
  }

  /** The requests whose places are not free within the time of a short computation. */
  get lasting(): readonly T[] {
    return this.width > 1 || this.isCautious ? this.running : []
  }

  isRunning(task: T) {
    return this.width > 1 ? task.slot?.room === this : this.sent.first === task
  }

  /** When the first computation turns long, by `performance.now()`. */
  get longAt() {
    return this.sent.longAt
  }
}
