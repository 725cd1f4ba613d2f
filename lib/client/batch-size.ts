// How many arguments a batch of a map has: a fixed number, or as many as take a few milliseconds and can travel together.
//
// What cannot travel together, since it is too long or bytes, is sent in halves all the same; but a batch is read, and kept, as a
// whole. So one that did not go as it is makes the next ones half as large, and so does one argument that is large; each that went lets
// them grow again, a little. Halves tell no more: where one argument alone is too large, half of them down to the last pair do not go.

/** How long a batch should take to compute, in milliseconds. */
const BATCH_MS = 2
const MOST = 1024
/** How much the last reply counts for the time that an argument takes, against all before. */
const LATEST = 0.2
/** By how much more arguments are tried when as many as could travel together have. */
const GROWTH = 1.0625

export class BatchSize {
  readonly #fixed: number | undefined
  /** As many as can be computed soon, when nothing else is in the way. */
  #size = 1
  /** As many as can travel together; between whole numbers while it grows. */
  #fits = MOST
  #msPerItem: number | undefined

  constructor(size: number | 'auto') {
    this.#fixed = size === 'auto' ? undefined : size
  }

  /** How many go into the next batch. */
  get next(): number {
    return this.#fixed ?? Math.min(this.#size, Math.floor(this.#fits))
  }

  /** So many were computed in one request, and in that time. */
  took(ms: number, count: number) {
    const msPerItem = ms / count
    const known = (this.#msPerItem ??= msPerItem)
    this.#msPerItem = known + LATEST * (msPerItem - known)
    if (count >= Math.floor(this.#fits)) this.#fits = Math.min(MOST, this.#fits * GROWTH)
    this.#size = Math.max(1, Math.min(MOST, 2 * this.next, Math.round(BATCH_MS / this.#msPerItem)))
  }

  /** No more than so many can travel together, as far as is known. */
  fit(most: number) {
    this.#fits = Math.max(1, Math.min(this.#fits, most))
  }
}
