// When what changes often was looked at, and when it is to be looked at again: for each of many short computations it would cost more than
// they do. A few in a row are looked at, at once.

const MOST = 6
const WITHIN_MS = 9

export class Looks {
  /** When the last ones were. */
  readonly #at: number[] = Array.from({ length: MOST }, () => -Infinity)

  /** When the next one may be. */
  get soonestAt() {
    return this.#at[0]! + WITHIN_MS
  }

  looked(now: number) {
    this.#at.shift()
    this.#at.push(now)
  }
}
