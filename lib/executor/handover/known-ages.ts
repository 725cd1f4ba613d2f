// What an executor has heard of others: since when the oldest request of each has waited. It is a hint where to ask for an
// old one, gathered from messages that are sent anyway; it may be out of date.

/** More are not remembered; which ones does not matter. */
const MOST = 256

export class KnownAges {
  readonly #since = new Map<string, number>()

  /** The oldest request of the executor with that inbox has waited since then, by `performance.now()`; or it has none. */
  note(inbox: string, since: number | undefined) {
    this.#since.delete(inbox)
    if (since === undefined) return
    this.#since.set(inbox, since)
    if (this.#since.size > MOST) this.#since.delete(this.#since.keys().next().value!)
  }

  /** Who has the oldest request, if one is known that has waited for longer than since then. */
  oldest(before: number): string | undefined {
    let best: string | undefined
    for (const [inbox, since] of this.#since)
      if (since < before) {
        best = inbox
        before = since
      }
    return best
  }
}
