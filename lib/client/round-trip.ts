// How long a question to an executor and its answer take, smoothed as TCP does (RFC 6298), so that no wait is too short on a
// slow network or too long on a fast one.

/** Before the first answer an executor is thought to be this far away, in milliseconds: the far side of the earth. */
const UNKNOWN_MS = 300
/** What took longer was not the network: somebody had no time. */
const MAX_MS = 1000
/** What a timer or a turn of the event loop adds, however steady the network is. */
const GRAIN_MS = 5

export class RoundTrip {
  #meanMs = 0
  #deviationMs = 0
  #timeoutMs = UNKNOWN_MS

  /** After how long an answer is late, in milliseconds. */
  get timeoutMs() {
    return this.#timeoutMs
  }

  /** The way to the server and back takes so long; executors are at its other side. */
  hint(serverMs: number) {
    if (this.#meanMs === 0) this.#timeoutMs = Math.min(MAX_MS, Math.max(UNKNOWN_MS, 3 * serverMs))
  }

  /** An answer came after so many milliseconds. */
  add(ms: number) {
    const sample = Math.min(ms, MAX_MS)
    if (this.#meanMs === 0) {
      this.#meanMs = sample
      this.#deviationMs = sample / 2
    } else {
      this.#deviationMs += (Math.abs(this.#meanMs - sample) - this.#deviationMs) / 4
      this.#meanMs += (sample - this.#meanMs) / 8
    }
    this.#timeoutMs = Math.min(MAX_MS, this.#meanMs + Math.max(GRAIN_MS, 4 * this.#deviationMs))
  }
}
