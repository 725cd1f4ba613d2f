// How many requests of a map are under way at once: a fixed number, or as many as there are slots for, and some that wait there.
//
// Nothing is heard of short work, for which a fixed number is enough. Long work tells by notices whether it waits or is computed. As
// long as nothing waits there may be more slots: then each that is computed lets another one go, so their number doubles with each
// round of notices. What waits tells that all slots are taken: then there is one more for each of them, and a few.
import type { State } from './watch.js'

/** As long as nothing waits. */
const USUAL = 64
/** When all slots are taken. */
const LEAST = 8
const SPARE = 4
const MOST = 10_000

export class InFlight {
  readonly #fixed: number | undefined
  #waiting = 0
  #computing = 0

  constructor(concurrency: number | 'auto') {
    this.#fixed = concurrency === 'auto' ? undefined : concurrency
  }

  /** How many may be under way. */
  get most(): number {
    if (this.#fixed !== undefined) return this.#fixed
    const least = this.#waiting > 0 ? LEAST : USUAL
    return Math.min(MOST, Math.max(least, 2 * this.#computing + SPARE))
  }

  /** How many may be under way or done, and not given to the caller yet: one that takes long does not hold up the others. */
  get mostKept(): number {
    return 2 * Math.max(this.#fixed ?? USUAL, this.most)
  }

  /** Something was heard of a request; one that is over, or new, is `unknown`. */
  change(before: State, after: State) {
    if (before === 'waiting') this.#waiting--
    else if (before === 'computing') this.#computing--
    if (after === 'waiting') this.#waiting++
    else if (after === 'computing') this.#computing++
  }
}
