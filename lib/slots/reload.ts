// Loads the module anew while its old code serves: one slot tries it, and the others are replaced only when that one has loaded it.
//
// One at a time. Who asks meanwhile gets the next one, since what is being loaded may be older than the change that they have seen.
import { Code } from '../protocol/codes.js'
import type { Slot } from './slot.js'
import type { Task } from './task.js'

/** A module that does not come to an end with loading keeps the next try waiting for so long. */
const PATIENCE_MS = 5000

interface Try<T extends Task> {
  slot: Slot<T>
  resolve(): void
  reject(error: Error): void
}

export class Reload<T extends Task> {
  readonly #start: () => Slot<T>
  #try: Try<T> | undefined
  #underWay: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** The last try has failed. */
  hasFailed = false
  #isClosed = false

  constructor(start: () => Slot<T>) {
    this.#start = start
  }

  /** Resolves when the slots are replaced; rejects with the reason if the module cannot be loaded. */
  run(): Promise<void> {
    if (this.#try) this.#next ??= this.#afterwards(this.#underWay!)
    return this.#next ?? (this.#underWay = this.#begin())
  }

  isTriedBy(slot: Slot<T>) {
    return this.#try?.slot === slot
  }

  /** The slot that tries it has loaded the module, and has its place. */
  succeeded() {
    this.hasFailed = false
    this.#take().resolve()
  }

  /** That slot has ended. */
  failed(why: string) {
    this.hasFailed = true
    this.#take().reject(new Error(why))
  }

  async close() {
    this.#isClosed = true
    const slot = this.#try?.slot
    slot?.kill(Code.unavailable, CLOSED)
    await slot?.whenEnded
  }

  #begin() {
    return new Promise<void>((resolve, reject) => {
      if (this.#isClosed) reject(new Error(CLOSED))
      else this.#try = { slot: this.#start(), resolve, reject }
    })
  }

  async #afterwards(underWay: Promise<void>) {
    const giveUp = () =>
      this.#try?.slot.kill(Code.unavailable, 'loading it took too long, and it is to be loaded again')
    const timer = setTimeout(giveUp, PATIENCE_MS)
    await underWay.catch(() => {})
    clearTimeout(timer)
    this.#next = undefined
    return (this.#underWay = this.#begin())
  }

  #take(): Try<T> {
    const taken = this.#try!
    this.#try = undefined
    return taken
  }
}

const CLOSED = 'the slots are closed'
