// A binary heap that finds each of its items again: so one whose order has changed, or that leaves, costs a logarithm.

export class IndexedHeap<T> {
  readonly #items: T[] = []
  readonly #places = new Map<T, number>()
  readonly #isBefore: (a: T, b: T) => boolean

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get size() {
    return this.#items.length
  }

  /** The one that is before all others. */
  get first(): T | undefined {
    return this.#items[0]
  }

  /** Puts it in, or to its new place: to be called before the order of another one changes. */
  put(item: T) {
    const place = this.#places.get(item) ?? this.#items.length
    this.#sink(item, this.#rise(item, place))
  }

  /** Whether it was in. Its order may have changed. */
  delete(item: T): boolean {
    const place = this.#places.get(item)
    if (place === undefined) return false
    this.#places.delete(item)
    const last = this.#items.pop()!
    if (place < this.#items.length) this.#sink(last, this.#rise(last, place))
    return true
  }

  /** Makes way for an item from a place upward; where it belongs as far as those above are concerned. */
  #rise(item: T, place: number): number {
    while (place > 0) {
      const above = (place - 1) >> 1
      if (!this.#isBefore(item, this.#items[above]!)) break
      this.#set(this.#items[above]!, place)
      place = above
    }
    return place
  }

  #sink(item: T, place: number) {
    for (;;) {
      let below = 2 * place + 1
      if (below >= this.#items.length) break
      if (below + 1 < this.#items.length && this.#isBefore(this.#items[below + 1]!, this.#items[below]!)) below++
      if (!this.#isBefore(this.#items[below]!, item)) break
      this.#set(this.#items[below]!, place)
      place = below
    }
    this.#set(item, place)
  }

  #set(item: T, place: number) {
    this.#items[place] = item
    this.#places.set(item, place)
  }
}
