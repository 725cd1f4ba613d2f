// A map and a set for what is under way: with one thing at a time, they are empty after each.
//
// Whenever the last element leaves a Map or Set, V8 gives it a new table, among the old objects if the one before was there; and each
// time such objects need more room, V8 asks whether it should collect all garbage. With buffers of 100 kB beside that, which it
// counts as old ones until it has looked, it did so after every 38th call, for 8 ms. Here the new table is always a young object.
//
// Who adds while somebody goes through it, after the last one was deleted: that one does not see it.

export class OftenEmptyMap<Key, Value> {
  #map = new Map<Key, Value>()

  get size() {
    return this.#map.size
  }

  get(key: Key) {
    return this.#map.get(key)
  }

  has(key: Key) {
    return this.#map.has(key)
  }

  set(key: Key, value: Value) {
    this.#map.set(key, value)
  }

  delete(key: Key) {
    if (this.#map.delete(key) && this.#map.size === 0) this.#map = new Map()
  }

  clear() {
    this.#map.clear()
    this.#map = new Map()
  }

  [Symbol.iterator]() {
    return this.#map[Symbol.iterator]()
  }
}

export class OftenEmptySet<Value> {
  #set = new Set<Value>()

  get size() {
    return this.#set.size
  }

  add(value: Value) {
    this.#set.add(value)
  }

  delete(value: Value) {
    if (this.#set.delete(value) && this.#set.size === 0) this.#set = new Set()
  }

  clear() {
    this.#set.clear()
    this.#set = new Set()
  }

  [Symbol.iterator]() {
    return this.#set.values()
  }
}
