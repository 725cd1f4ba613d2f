// Whether a slot that gets free stays empty for a moment, until a much older request has come from another executor.
//
// An executor finds its next request when a computation starts, the oldest that it knows of. Which computation is over first
// is chance, so of n executors' next requests any one may be the next to start, and now and then an old one is passed over for
// long. To ask at each end of a computation would put that right, but a slot stands empty meanwhile: that costs more than it
// brings. So an executor asks then for requests that it knows to be older by a margin. The margin adjusts itself: each
// millisecond that a slot waits raises it, and time lowers it, so that waiting takes a small share of the time.
import type { KnownAges } from './known-ages.js'

/** In milliseconds. Who has waited for less is not worth it. */
const LEAST_MARGIN = 200
/** The share of the time that an executor may wait for older requests. */
const SHARE = 0.0006
/** Waiting for so many milliseconds raises the margin to e times itself. */
const SCALE = 10
/** An executor that does not answer for so long may be paused or gone. */
const UNANSWERED_MS = 2

export class Precedence {
  readonly #ages: KnownAges
  readonly #ask: (executor: string) => string
  readonly #over: () => void
  #margin = LEAST_MARGIN
  #marginAt = performance.now()
  #fetch: { token: string; at: number; timer: NodeJS.Timeout } | undefined

  /** `ask` asks an executor for an older request and returns a token for the answer; `over` starts what is there. */
  constructor(ages: KnownAges, ask: (executor: string) => string, over: () => void) {
    this.#ages = ages
    this.#ask = ask
    this.#over = over
  }

  /** Who has a request, as far as is known, that is to be computed before one that has waited since then. */
  outranking(since: number): string | undefined {
    return this.#ages.oldest(since - this.#currentMargin())
  }

  /** Fetches the request that is to come before one that has waited since then; false if there is none. */
  fetch(since: number): boolean {
    const executor = this.outranking(since)
    if (executor === undefined) return false
    const timer = setTimeout(() => {
      this.#ages.note(executor, undefined)
      this.#end()
    }, UNANSWERED_MS)
    this.#fetch = { token: this.#ask(executor), at: performance.now(), timer }
    return true
  }

  /** A question was answered, and what it brought is here. */
  answered(token: string) {
    if (this.#fetch?.token === token) this.#end()
  }

  close() {
    if (this.#fetch) this.#end()
  }

  #end() {
    const { at, timer } = this.#fetch!
    clearTimeout(timer)
    this.#fetch = undefined
    // This process may have stood still meanwhile, which says nothing of others.
    this.#margin = this.#currentMargin() * Math.exp(Math.min(1, (performance.now() - at) / SCALE))
    this.#over()
  }

  #currentMargin() {
    const now = performance.now()
    this.#margin = Math.max(LEAST_MARGIN, this.#margin * Math.exp((-SHARE * (now - this.#marginAt)) / SCALE))
    this.#marginAt = now
    return this.#margin
  }
}
