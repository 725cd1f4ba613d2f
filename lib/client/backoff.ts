// When calls that found nobody, or no room in a backlog, try again.
import type { Call } from './call.js'

/** Nobody is there, or all are full: try again after this, longer with each time, in milliseconds. */
const AGAIN_MS = { first: 20, most: 250 }
/** Of many calls that try again, that many do it in a millisecond. */
const TRIES_PER_MS = 4
/** Fewer of those that were refused, since each call that ends lets one of them in, and every so many one more. */
const REFUSED_TRIES_PER_MS = 0.5
const ONE_MORE_EVERY = 16

export class Backoff {
  readonly #calls: { readonly size: number }
  /** Found no room in a backlog, oldest first; some may have tried again meanwhile. */
  readonly #refused = new Set<Call>()
  #ended = 0

  constructor(calls: { readonly size: number }) {
    this.#calls = calls
  }

  /** How long a call that has tried `tries` times in vain pauses, in milliseconds; `isRefused`: for want of room. */
  pause(tries: number, isRefused: boolean) {
    const { first, most } = AGAIN_MS
    const perMs = isRefused ? REFUSED_TRIES_PER_MS : TRIES_PER_MS
    // All over the interval, since what was sent together is refused together.
    const inTurn = (this.#calls.size / perMs) * 2 * Math.random()
    return Math.min(most, first * 1.5 ** tries) * (0.5 + Math.random()) + inTurn
  }

  /** A call has found no room, and pauses. */
  refused(call: Call) {
    this.#refused.add(call)
  }

  forget(call: Call) {
    this.#refused.delete(call)
  }

  /** A call has ended that was in a backlog or a slot, where there is room now. */
  letIn() {
    this.#letOneIn()
    if (++this.#ended % ONE_MORE_EVERY === 0) this.#letOneIn()
  }

  /** The one that was refused first may try again at once. */
  #letOneIn() {
    for (const call of this.#refused) {
      this.#refused.delete(call)
      if (call.tryNow()) return
    }
  }
}
