// Computes a batch, and says what is wrong with what a function threw.
import type { BatchReply } from '../../protocol/batch.js'
import { Code } from '../../protocol/codes.js'
import type { ComputeFunction, Context } from '../function.js'

export const UNWRITABLE = 'the result cannot be written as JSON'
const LONGEST_ERROR = 500
const LONGEST_STACK = 4000

export class BatchResult implements BatchReply {
  readonly results: unknown[] = []
  errors?: Record<number, [code: number, text: string]>
  readonly #failed: { index: number; code: number; error: unknown }[] = []

  /** What was thrown; no part of the reply. */
  get failed() {
    return this.#failed
  }

  fail(index: number, error: unknown) {
    const code = codeOf(error)
    this.results[index] = null
    this.errors ??= {}
    this.errors[index] = [code, textOf(error)]
    this.#failed.push({ index, code, error })
  }

  /** Turns results that JSON cannot say into errors; false if there were none. */
  dropUnwritable(): boolean {
    let any = false
    for (const [index, result] of this.results.entries())
      try {
        JSON.stringify(result)
      } catch {
        any = true
        this.fail(index, new Error(UNWRITABLE))
      }
    return any
  }
}

class ArgumentContext implements Context {
  readonly requestId: string
  readonly #batch: Context
  constructor(batch: Context, index: number) {
    this.requestId = `${batch.requestId}.${index}`
    this.#batch = batch
  }
  get signal() {
    return this.#batch.signal
  }
}

/**
 * Computes the arguments of a batch one after the other; at once, unless the function is asynchronous.
 * @throws with code 400 if `args` is not an array of that many arguments
 */
export function computeBatch(
  compute: ComputeFunction,
  args: unknown,
  batchSize: number,
  context: Context,
): BatchResult | Promise<BatchResult> {
  if (!Array.isArray(args) || args.length !== batchSize)
    throw Object.assign(new Error(`the body is not an array of ${batchSize} arguments`), { code: Code.invalid })
  const done = new BatchResult()
  const one = (index: number) => compute(args[index], new ArgumentContext(context, index))
  for (let index = 0; index < batchSize; index++)
    try {
      const result = one(index)
      if (isThenable(result)) return computeRest(one, batchSize, context, done, index, result)
      done.results[index] = result
    } catch (error) {
      done.fail(index, error)
    }
  return done
}

/** Goes on with the argument at `index`, whose result is on its way. */
async function computeRest(
  one: (index: number) => unknown,
  batchSize: number,
  { signal }: Context,
  done: BatchResult,
  index: number,
  result: unknown,
): Promise<BatchResult> {
  for (;;) {
    try {
      done.results[index] = await result
    } catch (error) {
      done.fail(index, error)
    }
    signal.throwIfAborted()
    if (++index === batchSize) return done
    try {
      result = one(index)
    } catch (error) {
      result = Promise.reject(error)
    }
  }
}

export const isThenable = (value: any): value is PromiseLike<unknown> => typeof value?.then === 'function'

/** The code of an error that a function threw. */
export function codeOf(error: any): number {
  try {
    if (error?.code === Code.invalid) return Code.invalid
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

/** What an executor is told of an error that a function threw. */
export function errorBody(code: number, error: any): string {
  let stack
  try {
    // An argument that is refused is no fault of the code.
    stack = code === Code.invalid ? undefined : String(error?.stack ?? '').slice(0, LONGEST_STACK)
  } catch {
    // as above
  }
  return JSON.stringify({ code, text: textOf(error), stack: stack || undefined })
}
