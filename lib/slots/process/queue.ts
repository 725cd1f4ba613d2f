// The requests that the process of a slot has heard of and not started, and when it must look for words that take them back.
import { type Frame, LONG_MS } from '../frames.js'

export class Queue {
  #frames: Frame[] = []
  #lastEnd = 0
  #mustLook = false

  get isEmpty() {
    return this.#frames.length === 0
  }

  push(frame: Frame) {
    this.#frames.push(frame)
  }

  /** Drops what is taken back from that number on; the number from which on nothing will be started. */
  recall({ number, extra: before }: Frame): number {
    const at = this.#frames.findIndex(frame => frame.number >= number)
    return at < 0 ? before : this.#frames.splice(at)[0]!.number
  }

  /** Takes one out that is to end before it has started: it is a computation that ends at once. */
  take(number: number): Frame | undefined {
    const at = this.#frames.findIndex(frame => frame.number === number)
    return at < 0 ? undefined : this.#frames.splice(at, 1)[0]
  }

  /** The next request; before, `look` hears what has come, if the executor may have taken requests back. */
  next(look: () => void): Frame | undefined {
    // What comes may be the end of one that has not started.
    while (this.#mustLook) {
      this.#mustLook = false
      look()
    }
    return this.#frames.shift()
  }

  /** From when on the executor may take a request for running that starts now. */
  begunAt({ time }: Frame) {
    return Math.max(this.#lastEnd, time)
  }

  /**
   * A computation ended at `endedAt`, and since then its outcome was sent: as long as it was not, the executor took it for
   * running. `now` is later than that.
   */
  sent(begunAt: number, endedAt: number, now: number) {
    this.#lastEnd = endedAt
    this.#mustLook = now - begunAt >= LONG_MS
  }
}
