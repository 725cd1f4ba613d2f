// A chunk: many arguments in one request, computed one after the other in one slot; each has its own result or error.
import type { ComputeFunction, Context } from '../slots/function.js'
import { Code } from './words.js'

export const UNWRITABLE = 'the result cannot be written as JSON'
const LONGEST_ERROR = 500

/** The body of the reply to a chunk: the results in order, and by their places the codes and texts of errors. */
export class ChunkResult {
  readonly results: unknown[] = []
  errors: Record<number, [code: number, text: string]> | undefined

  fail(place: number, error: unknown) {
    this.results[place] = null
    this.errors ??= {}
    this.errors[place] = [codeOf(error), textOf(error)]
  }

  /** Turns results that JSON cannot say into errors; false if there were none. */
  dropUnwritable(): boolean {
    let any = false
    for (const [place, result] of this.results.entries())
      try {
        JSON.stringify(result)
      } catch {
        any = true
        this.fail(place, new Error(UNWRITABLE))
      }
    return any
  }
}

class ItemContext implements Context {
  readonly requestId: string
  readonly #chunk: Context
  constructor(chunk: Context, place: number) {
    this.requestId = `${chunk.requestId}.${place}`
    this.#chunk = chunk
  }
  get signal() {
    return this.#chunk.signal
  }
}

/**
 * Computes the items of a chunk one after the other; at once, unless the function is asynchronous.
 * @throws with code 400 if `chunk` is not an array of that many items
 */
export function computeChunk(
  compute: ComputeFunction,
  chunk: unknown,
  items: number,
  context: Context,
): ChunkResult | Promise<ChunkResult> {
  if (!Array.isArray(chunk) || chunk.length !== items)
    throw Object.assign(new Error(`the body is not an array of ${items} arguments`), { code: Code.refused })
  const done = new ChunkResult()
  const one = (place: number) => compute(chunk[place], new ItemContext(context, place))
  for (let place = 0; place < items; place++)
    try {
      const result = one(place)
      if (isThenable(result)) return computeRest(one, items, context, done, place, result)
      done.results[place] = result
    } catch (error) {
      done.fail(place, error)
    }
  return done
}

/** Goes on with the item at `place`, whose result is on its way. */
async function computeRest(
  one: (place: number) => unknown,
  items: number,
  { signal }: Context,
  done: ChunkResult,
  place: number,
  result: unknown,
): Promise<ChunkResult> {
  for (;;) {
    try {
      done.results[place] = await result
    } catch (error) {
      done.fail(place, error)
    }
    signal.throwIfAborted()
    if (++place === items) return done
    try {
      result = one(place)
    } catch (error) {
      result = Promise.reject(error)
    }
  }
}

export const isThenable = (value: any): value is PromiseLike<unknown> => typeof value?.then === 'function'

/** The code of an error that a function threw. */
export function codeOf(error: any): number {
  try {
    if (error?.code === Code.refused) return Code.refused
  } catch {
    // something was thrown that cannot even be looked at
  }
  return Code.failed
}

/** What an error that a function threw says, in one line. */
export function textOf(error: any): string {
  let text = 'the function failed'
  try {
    text = String(error?.message || error)
  } catch {
    // as above
  }
  return text.replace(/\s+/g, ' ').slice(0, LONGEST_ERROR)
}
