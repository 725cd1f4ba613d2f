// How long something usually takes, by what was seen lately: about the median, which each value moves by one step at most (Q. Ma,
// S. Muthukrishnan, M. Sandler, "Frugal streaming for estimating quantiles", 2013; here a step of the logarithm). A mean would be
// what somebody makes of it: one computation in a thousand that takes a thousand times as long doubles it.

/** From a second to a millisecond are some forty steps. */
const STEP = 1.2

export class Usual {
  /** In milliseconds; undefined if nothing was seen. */
  ms: number | undefined

  learn(ms: number) {
    if (this.ms === undefined) this.ms = ms
    else this.ms = Math.min(Math.max(ms, this.ms / STEP), this.ms * STEP)
  }
}
