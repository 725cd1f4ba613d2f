// The requests that were sent to a slot and have not ended, in order, and which of them can be taken back.
//
// With a width of 1 the first one runs and the others wait, sent ahead so that the slot stands empty for no moment. To take them
// back although the process may be blocked, the word is written first, then all results are read. If the first one's is not
// among them, it still runs, and since it has run for LONG_MS the process looks for the word before it starts another. If it is
// among them, the next one may have started or not: when it has been the first for LONG_MS as well, none behind it can start any
// more; of itself the process says whether it was taken back.
import { LONG_MS } from './frames.js'
import type { Task } from './task.js'

export class Sent<T extends Task> {
  readonly #now: () => number
  #tasks: T[] = []
  #nextNumber = 0
  /** Since when the first one runs, not before it does. */
  #firstSince = 0
  /** What has a smaller number is taken back, unless it has started: the process has not said so yet. */
  #uncertainBefore: number | undefined
  /** How often others were taken back since the first one runs. */
  recalls = 0

  /** `now`: milliseconds on a clock that does not go back. */
  constructor(now = () => performance.now()) {
    this.#now = now
  }

  get length() {
    return this.#tasks.length
  }

  get all(): readonly T[] {
    return this.#tasks
  }

  get first(): T | undefined {
    return this.#tasks[0]
  }

  get second(): T | undefined {
    return this.#tasks[1]
  }

  /** The number that the next one gets. */
  get nextNumber() {
    return this.#nextNumber
  }

  /** When the first one turns long, by `performance.now()`. */
  get longAt() {
    return this.#firstSince + LONG_MS
  }

  /** Whether the process has yet to say what it has started. */
  get isUncertain() {
    return this.#uncertainBefore !== undefined
  }

  /** Adds a request that has just been posted with the next number. */
  push(task: T) {
    this.#nextNumber++
    task.startedAt = this.#now()
    if (this.#tasks.push(task) === 1) this.#firstIsNew()
  }

  find(number: number): T | undefined {
    return this.#tasks.find(task => task.number === number)
  }

  /** Takes one out that has ended; if it was the first, the next one has begun. */
  remove(task: T) {
    const at = this.#tasks.indexOf(task)
    this.#tasks.splice(at, 1)
    task.slot = undefined
    if (at === 0) this.#firstIsNew()
  }

  /**
   * Takes back what is behind the first one. `post` writes the word to the process, `hearAll` reads all that it has told, and
   * each says whether that was possible.
   */
  recall(post: (from: number, before: number) => void, flush: () => boolean, hearAll: () => boolean): T[] {
    if (this.#tasks.length < 2 || this.longAt >= this.#now()) return []
    const [first, second] = this.#tasks as [T, T]
    // It may be over, and only not have been told.
    hearAll()
    if (this.#tasks[0] !== first) return []
    const wasUncertain = this.isUncertain
    if (!wasUncertain) {
      this.#uncertainBefore = this.#nextNumber
      this.recalls++
      post(second.number, this.#nextNumber)
    }
    const isWritten = flush()
    const isKnown = hearAll()
    if (!isWritten || !isKnown || this.#tasks[0] !== first) return []
    if (!wasUncertain) this.#uncertainBefore = undefined
    return this.takeBack(second.number, this.#nextNumber)
  }

  /** The process has said what it does not start before that number; false if that is known. */
  recalled(before: number): boolean {
    if (before !== this.#uncertainBefore) return false
    this.#uncertainBefore = undefined
    return true
  }

  /** Takes all out. */
  clear(): T[] {
    const all = this.#tasks
    this.#tasks = []
    for (const task of all) task.slot = undefined
    return all
  }

  /** Takes those out that the process does not start: from the number `from` on and before `before`. */
  takeBack(from: number, before: number): T[] {
    const back = this.#tasks.filter(({ number }) => number >= from && number < before)
    if (back.length > 0) this.#tasks = this.#tasks.filter(task => !back.includes(task))
    for (const task of back) task.slot = undefined
    return back
  }

  #firstIsNew() {
    this.#firstSince = this.#now()
    this.recalls = 0
  }
}
