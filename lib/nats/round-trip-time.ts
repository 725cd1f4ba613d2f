// The time that a question and its answer take, smoothed as TCP smooths it (RFC 6298), so that whoever waits for an answer
// knows how long to wait. Pure: times are milliseconds that are passed in.

/** The share of a new sample in the mean, and in the variation. */
const MEAN_SHARE = 1 / 8
const VARIATION_SHARE = 1 / 4
/** An answer takes longer than the mean and this many times the variation once in a great while. */
const VARIATIONS = 4
/** One answer that was held up says little of the next: no sample counts for more. */
const LONGEST_MS = 2000
/** The least of so many is that of the network; a process that had no time makes the others longer. */
const RECENT = 8

export class RoundTripTime {
  #mean = 0
  #variation = 0
  #isKnown = false
  #recent: number[] = []

  /** What the network takes; 0 while nothing is known. */
  get least() {
    return this.#recent.length > 0 ? Math.min(...this.#recent) : 0
  }

  /** The mean; 0 while nothing is known. */
  get smoothed() {
    return this.#mean
  }

  /** How long an answer may take; 0 while nothing is known. */
  get longest() {
    return this.#mean + VARIATIONS * this.#variation
  }

  sample(ms: number) {
    const sample = Math.min(Math.max(ms, 0), LONGEST_MS)
    if (!this.#isKnown) this.#recent = []
    this.#recent = [...this.#recent.slice(1 - RECENT), sample]
    if (this.#isKnown) {
      this.#variation += VARIATION_SHARE * (Math.abs(this.#mean - sample) - this.#variation)
      this.#mean += MEAN_SHARE * (sample - this.#mean)
    } else {
      this.#mean = sample
      this.#variation = sample / 2
      this.#isKnown = true
    }
  }

  /** Another server: the next sample is the first one; until it comes the old mean is the best guess. */
  restart() {
    this.#isKnown = false
  }
}
