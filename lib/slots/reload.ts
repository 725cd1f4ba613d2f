// Loads the module anew while its old code serves: one slot tries it, and the others are replaced only when that one has loaded it.
//
// States: idle → trying → idle. Who asks while one is trying has seen a change that this one may lack: it is ended, and when it has
// ended the next one begins. All that have asked until then hear how the last one ends.
import { type Deferred, deferred } from '../deferred.js'
import { Code } from '../protocol/codes.js'
import type { Slot } from './slot.js'
import type { Task } from './task.js'

const CLOSED = 'the slots are closed'

export class Reload<T extends Task> {
  readonly #start: () => Slot<T>
  #slot: Slot<T> | undefined
  #isStale = false
  #told: Deferred<void> | undefined
  /** The last try has failed. */
  hasFailed = false
  #isClosed = false

  constructor(start: () => Slot<T>) {
    this.#start = start
  }

  /** Resolves when the slots are replaced; rejects with the reason if the module cannot be loaded. */
  run(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error(CLOSED))
    this.#told ??= deferred()
    if (this.#slot) this.#endTry('it is loaded once more')
    else this.#slot = this.#start()
    return this.#told
  }

  isTriedBy(slot: Slot<T>) {
    return this.#slot === slot
  }

  /** The slot that tries it has loaded it; whether all are to be replaced. */
  loaded() {
    if (this.#isStale) return false
    this.hasFailed = false
    this.#take().resolve()
    return true
  }

  /** That slot has ended. */
  ended(why: string) {
    if (this.#isStale && !this.#isClosed) {
      this.#isStale = false
      this.#slot = this.#start()
      return
    }
    this.hasFailed = true
    this.#take().reject(new Error(this.#isClosed ? CLOSED : why))
  }

  async close() {
    this.#isClosed = true
    const slot = this.#slot
    if (slot) this.#endTry(CLOSED)
    await slot?.whenEnded
  }

  #endTry(why: string) {
    this.#isStale = true
    this.#slot!.kill(Code.unavailable, why)
  }

  #take(): Deferred<void> {
    const told = this.#told!
    this.#slot = undefined
    this.#told = undefined
    return told
  }
}
