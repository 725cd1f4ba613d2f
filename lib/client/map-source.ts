// Where the arguments of a map come from: whatever can be iterated, at once or with promises.
//
// A map may be left while a step is awaited. The iterators of streams are asynchronous generators, and those hear of it only when the
// step has come, which may be never: so streams are told themselves.
import type { Readable } from 'node:stream'

export function iteratorOf<Item>(source: Iterable<Item> | AsyncIterable<Item>): Iterator<Item> | AsyncIterator<Item> {
  if (source !== null && source !== undefined) {
    if (isNodeStream(source)) return iteratorOfNode(source)
    if (source instanceof ReadableStream) return iteratorOfWeb(source)
    if (Symbol.asyncIterator in Object(source)) return (source as AsyncIterable<Item>)[Symbol.asyncIterator]()
    if (Symbol.iterator in Object(source)) return (source as Iterable<Item>)[Symbol.iterator]()
  }
  throw new TypeError(`expected the arguments to be an iterable, got ${String(source)}`)
}

/** Also one of another version of Node's streams, as packages bring them. */
const isNodeStream = (source: object): source is Readable => {
  const { pipe, destroy } = source as Partial<Readable>
  return typeof pipe === 'function' && typeof destroy === 'function' && Symbol.asyncIterator in source
}

function iteratorOfNode<Item>(stream: Readable): AsyncIterator<Item> {
  const iterator = stream[Symbol.asyncIterator]()
  const leave = async () => {
    stream.destroy()
    return { done: true as const, value: undefined }
  }
  return { next: () => iterator.next(), return: leave }
}

function iteratorOfWeb<Item>(stream: ReadableStream<Item>): AsyncIterator<Item> {
  const reader = stream.getReader()
  const next = async () => {
    try {
      const step = await reader.read()
      if (step.done) reader.releaseLock()
      return step as IteratorResult<Item>
    } catch (error) {
      reader.releaseLock()
      throw error
    }
  }
  const leave = async () => {
    await reader.cancel()
    reader.releaseLock()
    return { done: true as const, value: undefined }
  }
  return { next, return: leave }
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
