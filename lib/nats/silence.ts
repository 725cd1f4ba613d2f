// Decides when a server that says nothing is dead. Pure: whoever owns the timer looks when `nextMs` is over, and says
// whether there was a sign of life since the look before.
//
// Only the time that this process was awake counts. A timer that comes late tells that it was not: what the server has sent meanwhile
// lies unread in the socket, and gets a chance to be read.

/** From one look to the next. Each asks, so that there is a sign before the one after it. */
const LOOK_MS = 2000
/** A server is dead when so long after a look that heard something, and what an answer may take, nothing more was heard. */
const DEAD_MS = 2900
/** The least time to read what has arrived while this process was blocked. */
const READ_MS = 1000
/** A timer that comes so much later than it should tells of a blocked event loop. */
const LATE_MS = 250

export type Verdict = 'alive' | 'silent' | 'dead'

export class Silence {
  #lookedAt: number
  #silentMs = 0
  #hasWaited = false
  /** When to look again. */
  nextMs = LOOK_MS
  /** Whether the last look came late. */
  isLate = false

  constructor(now: number) {
    this.#lookedAt = now
  }

  /** `longestMs`: what an answer may take. A verdict `dead` stands if a last attempt to read finds nothing. */
  look(now: number, isSign: boolean, longestMs: number): Verdict {
    const passedMs = now - this.#lookedAt
    this.#lookedAt = now
    this.isLate = passedMs > this.nextMs + LATE_MS
    this.#silentMs += Math.min(passedMs, this.nextMs + LATE_MS)
    const deadMs = DEAD_MS + longestMs
    if (isSign) this.#hear()
    else if (this.isLate && !this.#hasWaited) {
      this.#hasWaited = true
      this.#silentMs = Math.min(this.#silentMs, deadMs - READ_MS)
    }
    this.nextMs = Math.max(1, Math.min(LOOK_MS, Math.ceil(deadMs - this.#silentMs)))
    if (isSign) return 'alive'
    return this.#silentMs < deadMs ? 'silent' : 'dead'
  }

  #hear() {
    this.#silentMs = 0
    this.#hasWaited = false
  }
}
