// Computes a batch.
import type { BatchReply } from '../../protocol/batch.js'
import { Code } from '../../protocol/codes.js'
import { isSimple, writeJson } from '../../protocol/json.js'
import { takeBytes } from '../../protocol/payload.js'
import { withoutStack } from '../../protocol/thrown.js'
import type { ComputeFunction, Context } from '../function.js'
import { setup } from './pipes.js'
import { type Failure, OurError, failureOf } from './failure.js'
import { isThenable } from './thenable.js'

// User code may put its own in its place.
const { stringify } = JSON

export class BatchResult {
  /** What is simple; of what is written elsewhere, `null`. */
  readonly #results: unknown[] = []
  /** The others as JSON. */
  #texts: string[] | undefined
  readonly #failed: { index: number; failure: Failure }[] = []
  #errors: BatchReply['errors']
  #bytes: BatchReply['bytes']

  get failed() {
    return this.#failed
  }

  /** Writes a result at once, since its function may use the object for the next one. What JSON cannot say is an error of its argument. */
  add(index: number, result: unknown) {
    const isReady = isSimple(result) || result === undefined
    this.#results[index] = isReady ? result : null
    if (isReady) return
    try {
      if (result instanceof Uint8Array)
        (this.#bytes ??= {})[index] = Buffer.from(takeBytes(result, 'result')).toString('base64')
      else (this.#texts ??= [])[index] = writeJson(result, 'result')
    } catch (error) {
      this.fail(index, error)
    }
  }

  fail(index: number, error: unknown) {
    const failure = failureOf(error)
    this.#results[index] = null
    this.#errors ??= {}
    const { code, text, thrown } = failure
    this.#errors[index] = thrown ? [code, text, setup.exposeStack ? thrown : withoutStack(thrown)] : [code, text]
    this.#failed.push({ index, failure })
  }

  /** The body of the reply. */
  write(): string {
    const [results, texts, errors, bytes] = [this.#results, this.#texts, this.#errors, this.#bytes]
    if (!texts) return stringify({ results, errors, bytes } satisfies Partial<BatchReply>)
    const all = results.map((result, index) => texts[index] ?? stringify(result ?? null)).join(',')
    // The first of its lists.
    return stringify({ results: [], errors, bytes } satisfies Partial<BatchReply>).replace('[]', () => `[${all}]`)
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
  get deadline() {
    return this.#batch.deadline
  }
  get attempt() {
    return this.#batch.attempt
  }
  get headers() {
    return this.#batch.headers
  }
  get progress() {
    return this.#batch.progress
  }
  get log() {
    return this.#batch.log
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
    throw new OurError(Code.invalid, `the body is not an array of ${batchSize} arguments`)
  const done = new BatchResult()
  const one = (index: number) => compute(args[index], new ArgumentContext(context, index))
  for (let index = 0; index < batchSize; index++)
    try {
      const result = one(index)
      if (isThenable(result)) return computeRest(one, batchSize, context, done, index, result)
      done.add(index, result)
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
      done.add(index, await result)
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
