// One timer for the earliest of all times that somebody asked for. It keeps no process from ending: what it is for does.
import { MAX_MS } from '../protocol/limits.js'

export class Alarm {
  readonly #ring: () => void
  #timer: NodeJS.Timeout | undefined
  #at = Infinity
  #isClosed = false

  constructor(ring: () => void) {
    this.#ring = ring
  }

  /** It rings at that time, by `performance.now()`, or earlier; whoever still wants it then asks again. */
  ringBy(at: number) {
    if (this.#isClosed || this.#at <= at) return
    clearTimeout(this.#timer)
    this.#at = at
    const ms = Math.min(Math.max(0, Math.ceil(at - performance.now())), MAX_MS)
    this.#timer = setTimeout(() => {
      this.#at = Infinity
      this.#ring()
    }, ms).unref()
  }

  close() {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }
}
