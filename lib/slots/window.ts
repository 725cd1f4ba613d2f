// How many requests may be in a slot at once: as many as take about BATCH_MS together, by what they have taken lately.
import { LONG_MS } from './frames.js'

const BATCH_MS = 2
const MAX_WINDOW = 128
/** How much the last computation counts for the time that one takes, against all before. */
const LATEST = 0.2

export class Window {
  size = 1
  #meanMs: number | undefined

  /** A computation took so long. */
  learn(ms: number) {
    this.#meanMs = this.#meanMs === undefined ? ms : this.#meanMs + LATEST * (ms - this.#meanMs)
    const fitting = Math.max(1, Math.floor(BATCH_MS / this.#meanMs))
    this.size = ms > LONG_MS ? 1 : Math.min(2 * this.size, fitting, MAX_WINDOW)
  }
}
