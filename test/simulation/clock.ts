// A made-up clock: what is to happen happens in the order of its time.
import { IndexedHeap } from '../../lib/indexed-heap.js'

interface Due {
  readonly at: number
  readonly number: number
  readonly action: () => void
}

export class Clock {
  now = 0
  /** How many things have happened. */
  events = 0
  readonly #due = new IndexedHeap<Due>((a, b) => a.at < b.at || (a.at === b.at && a.number < b.number))
  #number = 0

  /** The result cancels it. */
  at(at: number, action: () => void): () => void {
    const due = { at: Math.max(at, this.now), number: this.#number++, action }
    this.#due.put(due)
    return () => void this.#due.delete(due)
  }

  /** Lets all happen until then, or until nothing is left to happen. */
  run(until = Infinity) {
    for (;;) {
      const due = this.#due.first
      if (!due || due.at > until) break
      this.#due.delete(due)
      this.now = due.at
      this.events++
      due.action()
    }
    if (until < Infinity) this.now = until
  }
}
