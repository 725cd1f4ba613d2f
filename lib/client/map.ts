// Many calls as one loop: arguments go in, what came of each comes out.
//
// Arguments are read in batches; a batch is one request: a batch, or the plain request of one argument. A batch is sent, then
// done, with the outcome of each argument, then given to the caller. The reader (`#read`, one promise for the whole run)
// waits while `concurrency` batches are sent, or twice as many are not given. A batch that fails as a whole, as when one of
// its arguments ends the thread, is sent again in halves, so that the others get their results.
import { setMaxListeners } from 'node:events'
import { deferred } from '../nats/nats.js'
import type { Reply } from './call.js'
import type { BatchReply } from '../protocol/batch.js'
import {
  CancelledError,
  ConnectionError,
  DeadlineExceededError,
  ExecutionError,
  ProtocolError,
  TooLargeError,
  remoteError,
} from '../errors.js'
import { type CallOptions, type MapOptions, fillMapOptions } from '../options.js'

/** How long a batch whose size is found out should take to compute, in milliseconds. */
const BATCH_MS = 2
const MOST_AUTO = 1024
/** How much the last reply counts for the time that an argument takes, against all before. */
const LATEST = 0.2
/** A batch whose body has more characters is sent in halves. */
const LONGEST_BODY = 2 ** 17

/** What came of an argument; `index` counts the arguments from 0. */
export type MapOutcome<Argument = unknown, Result = unknown> =
  | { index: number; argument: Argument; result: Result; error?: never }
  | { index: number; argument: Argument; error: Error; result?: never }

/** How far a map is. */
export interface MapCounts {
  /** Arguments that were read. */
  read: number
  /** Of these, the ones that have a result or an error. */
  done: number
  /** Of these, the ones that have an error. */
  failed: number
}

/** Sends a request: a body, and how many arguments it has if it is a batch, else 0. */
export type SendRequest = (body: string, batchSize: number, options: CallOptions) => Promise<Reply>

type Batch<Argument, Result> = { outcomes: MapOutcome<Argument, Result>[] | undefined }

export class MapRun<Argument, Result> implements AsyncIterable<MapOutcome<Argument, Result>> {
  readonly counts: MapCounts = { read: 0, done: 0, failed: 0 }
  readonly #source: Iterator<Argument> | AsyncIterator<Argument>
  readonly #options: ReturnType<typeof fillMapOptions>
  readonly #callOptions: CallOptions
  readonly #signal: AbortSignal | undefined
  readonly #send: SendRequest
  readonly #outcomes = this.#run()
  readonly #abort = new AbortController()
  /** Not given yet, as they were read. */
  readonly #batches: Batch<Argument, Result>[] = []
  #sent = 0
  /** How many arguments go into the next batch. */
  #size = 1
  #msPerItem: number | undefined
  /** A step of an asynchronous source that has been asked for. */
  #step: Promise<IteratorResult<Argument>> | undefined
  #isRead = false
  /** What the source threw: the last thing to happen. */
  #sourceError: { error: unknown } | undefined
  /** What ends the run at once. */
  #fatal: Error | undefined
  /** Resolved when something has changed: for the reader, and for the caller. */
  #room = deferred<void>()
  #news = deferred<void>()

  constructor(source: Iterable<Argument> | AsyncIterable<Argument>, options: MapOptions, send: SendRequest) {
    this.#options = fillMapOptions(options)
    const { timeout, retries, signal } = options
    // Each request under way listens to it.
    setMaxListeners(0, this.#abort.signal)
    this.#callOptions = { signal: this.#abort.signal, timeout, retries } as CallOptions
    this.#signal = signal
    this.#source = iteratorOf(source)
    this.#send = send
    if (this.#options.batchSize !== 'auto') this.#size = this.#options.batchSize
  }

  [Symbol.asyncIterator]() {
    return this.#outcomes
  }

  async *#run(): AsyncGenerator<MapOutcome<Argument, Result>, void, undefined> {
    const signal = this.#signal
    const onAbort = () => this.#end(new CancelledError('the map was cancelled', { cause: signal!.reason }))
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    void this.#read()
    try {
      for (let batch; (batch = await this.#next());) for (const outcome of batch) yield outcome
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#end(new CancelledError('the map has ended'))
    }
  }

  /** Takes the outcomes of the next batch out; undefined when there are no more. */
  async #next(): Promise<MapOutcome<Argument, Result>[] | undefined> {
    for (;;) {
      if (this.#fatal) throw this.#fatal
      const at = this.#options.ordered ? 0 : this.#batches.findIndex(({ outcomes }) => outcomes)
      const outcomes = this.#batches[at]?.outcomes
      if (outcomes) {
        this.#batches.splice(at, 1)
        this.#room.resolve()
        return outcomes
      }
      if (this.#isRead && this.#batches.length === 0) {
        if (this.#sourceError) throw this.#sourceError.error
        return undefined
      }
      await (this.#news = deferred())
    }
  }

  /** Ends what is under way, here and at the executors. */
  #end(error: Error) {
    this.#fatal ??= error
    this.#abort.abort(error)
    this.#room.resolve()
    this.#news.resolve()
  }

  /** Reads and sends all that the source has. */
  async #read() {
    const { concurrency } = this.#options
    try {
      while (!this.#isRead && !this.#fatal) {
        if (this.#sent >= concurrency || this.#batches.length >= 2 * concurrency) await (this.#room = deferred())
        else this.#sendBatch(await this.#gather())
      }
      if (!this.#isRead) await this.#source.return?.()
    } catch (error) {
      this.#sourceError = { error }
    }
    this.#isRead = true
    this.#news.resolve()
  }

  /** Reads arguments for a batch; less than would fit when the source takes its time. */
  async #gather(): Promise<Argument[]> {
    const batch: Argument[] = []
    try {
      while (batch.length < this.#size && !this.#fatal) {
        let step = this.#step ?? this.#source.next()
        if (step instanceof Promise) {
          this.#step = step
          if (batch.length > 0 && !(await isSoon(step))) return batch
          step = await step
          this.#step = undefined
        }
        if (step.done) {
          this.#isRead = true
          break
        }
        batch.push(step.value)
      }
    } catch (error) {
      this.#isRead = true
      this.#sourceError = { error }
    }
    return batch
  }

  #sendBatch(args: Argument[]) {
    if (args.length === 0) return
    const batch: Batch<Argument, Result> = { outcomes: undefined }
    const index = this.counts.read
    this.counts.read += args.length
    this.#batches.push(batch)
    this.#sent++
    void this.#compute(args, index).then(outcomes => {
      batch.outcomes = outcomes
      this.#sent--
      this.counts.done += outcomes.length
      for (const { error } of outcomes) if (error) this.counts.failed++
      this.#room.resolve()
      this.#news.resolve()
    })
  }

  /** Has arguments computed, of which the first has that index; it never rejects. */
  async #compute(args: Argument[], index: number): Promise<MapOutcome<Argument, Result>[]> {
    const isBatch = args.length > 1
    try {
      const body = isBatch ? batchBody(args) : JSON.stringify(args[0])
      if (body === undefined) {
        if (isBatch) return await this.#halves(args, index)
        throw new TypeError(`JSON cannot say the argument: ${String(args[0])}`)
      }
      const reply = await this.#send(body, isBatch ? args.length : 0, this.#callOptions)
      this.#learn(reply.computeMs ?? 0, args.length)
      return isBatch ? readBatch(args, index, reply) : [{ index, argument: args[0]!, result: reply.result as Result }]
    } catch (error) {
      if (isBatch && this.#isWorthHalves(error)) return this.#halves(args, index)
      if (error instanceof CancelledError || error instanceof ConnectionError) this.#end(error)
      return args.map((argument, i) => ({ index: index + i, argument, error: error as Error }))
    }
  }

  /** Whether a batch's arguments may fare better without each other. What must not be computed twice is not sent again. */
  #isWorthHalves(error: unknown) {
    return (
      this.#callOptions.retries !== 0 &&
      (error instanceof ExecutionError || error instanceof DeadlineExceededError || error instanceof TooLargeError)
    )
  }

  async #halves(args: Argument[], index: number) {
    const middle = args.length >> 1
    const [first, second] = await Promise.all([
      this.#compute(args.slice(0, middle), index),
      this.#compute(args.slice(middle), index + middle),
    ])
    return [...first, ...second]
  }

  /** Finds out how many arguments a batch should have. */
  #learn(ms: number, batchSize: number) {
    if (this.#options.batchSize !== 'auto') return
    const msPerItem = ms / batchSize
    const known = (this.#msPerItem ??= msPerItem)
    this.#msPerItem = known + LATEST * (msPerItem - known)
    this.#size = Math.max(1, Math.min(MOST_AUTO, 2 * this.#size, Math.round(BATCH_MS / this.#msPerItem)))
  }
}

function iteratorOf<Item>(source: Iterable<Item> | AsyncIterable<Item>): Iterator<Item> | AsyncIterator<Item> {
  if (source !== null && source !== undefined) {
    if (Symbol.asyncIterator in Object(source)) return (source as AsyncIterable<Item>)[Symbol.asyncIterator]()
    if (Symbol.iterator in Object(source)) return (source as Iterable<Item>)[Symbol.iterator]()
  }
  throw new TypeError(`expected the arguments to be an iterable, got ${String(source)}`)
}

/** Whether a promise settles before the event loop turns. */
const isSoon = (promise: Promise<unknown>) =>
  Promise.race([
    promise.then(
      () => true,
      () => true,
    ),
    new Promise<boolean>(resolve => setImmediate(resolve, false)),
  ])

/** The body of a batch; undefined if it cannot be one, because of its length or what is in it. */
function batchBody(args: unknown[]): string | undefined {
  // In an array JSON would silently make null of these.
  if (args.some(argument => argument === undefined || typeof argument === 'function' || typeof argument === 'symbol'))
    return undefined
  try {
    const body = JSON.stringify(args)
    return body.length > LONGEST_BODY ? undefined : body
  } catch {
    return undefined
  }
}

function readBatch<Argument, Result>(
  args: Argument[],
  index: number,
  { result, requestId, executorId }: Reply,
): MapOutcome<Argument, Result>[] {
  const { results, errors } = (result ?? {}) as Partial<BatchReply>
  const details = { requestId, executorId }
  if (!Array.isArray(results) || results.length !== args.length)
    throw new ProtocolError('the reply is not that of a batch', details)
  return args.map((argument, i) => {
    const error = errors?.[i]
    return error
      ? { index: index + i, argument, error: remoteError(Number(error[0]), String(error[1]), details) }
      : { index: index + i, argument, result: results[i] as Result }
  })
}
