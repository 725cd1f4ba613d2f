// When a map may send more arguments, so that they are no more than a limit a second: one batch after the other, each as long after the
// one before as its arguments take of a second. What was not sent in time is not made up for, but for what timers are late.

/** A batch has no more arguments than may be sent in this time, in milliseconds. */
const BATCH_MS = 100
/** Timers may be so late. */
const LATE_MS = 20

export class Pace {
  /** How many arguments a batch may have. */
  readonly mostAtOnce: number
  readonly #msPerItem: number
  #nextAt = -Infinity

  /** `limit`: arguments a second, Infinity for any number. */
  constructor(limit: number) {
    this.#msPerItem = 1000 / limit
    this.mostAtOnce = Math.max(1, Math.floor((limit * BATCH_MS) / 1000))
  }

  /** For how many milliseconds nothing may be sent; 0 if the next batch may go. */
  pauseMs(now: number): number {
    return Math.max(0, this.#nextAt - now)
  }

  /** A batch of so many arguments was sent. */
  sent(count: number, now: number) {
    this.#nextAt = Math.max(this.#nextAt, now - LATE_MS) + count * this.#msPerItem
  }
}
