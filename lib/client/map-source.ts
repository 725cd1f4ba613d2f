// Where the arguments of a map come from: whatever can be iterated, at once or with promises.

export function iteratorOf<Item>(source: Iterable<Item> | AsyncIterable<Item>): Iterator<Item> | AsyncIterator<Item> {
  if (source !== null && source !== undefined) {
    if (Symbol.asyncIterator in Object(source)) return (source as AsyncIterable<Item>)[Symbol.asyncIterator]()
    if (Symbol.iterator in Object(source)) return (source as Iterable<Item>)[Symbol.iterator]()
  }
  throw new TypeError(`expected the arguments to be an iterable, got ${String(source)}`)
}

export const isPromise = <Value>(value: Value | PromiseLike<Value>): value is Promise<Value> =>
  typeof (value as PromiseLike<Value> | undefined)?.then === 'function'

/** Whether a promise settles before the event loop turns. */
export const isSoon = (promise: Promise<unknown>) =>
  Promise.race([
    promise.then(
      () => true,
      () => true,
    ),
    new Promise<boolean>(resolve => setImmediate(resolve, false)),
  ])

/** Of bytes a copy, if there is one: whoever has made them may use them for the next ones. */
export function copyOf<Item>(item: Item): Item {
  try {
    return item instanceof Uint8Array ? (new Uint8Array(item) as Item) : item
  } catch {
    return item
  }
}
