// Many calls as one loop: arguments go in, what came of each comes out.
//
// Arguments are read in batches; a batch is one request: a batch, or the plain request of one argument. A batch is sent, then
// done, with the outcome of each argument, then given to the caller. The reader (`#read`, one promise for the whole run)
// waits while `concurrency` batches are sent, or twice as many are not given. A batch that fails as a whole, as when one of
// its arguments ends the process, is sent again in halves, so that the others get their results.
import { deferred } from '../deferred.js'
import { type Abortable, listen, unlisten } from './abort.js'
import type { Argument } from './call-owner.js'
import type { Reply } from './reply.js'
import type { BatchReply } from '../protocol/batch.js'
import { writeJson } from '../protocol/json.js'
import { readThrown } from '../protocol/thrown.js'
import { type Payload, writeArgument } from '../protocol/payload.js'
import {
  CancelledError,
  ConnectionError,
  DeadlineExceededError,
  ExecutionError,
  ExecutorDiedError,
  ProtocolError,
  TooLargeError,
  remoteError,
} from '../errors.js'
import type { FilledCallOptions, FilledMapOptions } from '../client-options.js'

/** How long a batch whose size is found out should take to compute, in milliseconds. */
const BATCH_MS = 2
const MOST_AUTO = 1024
/** How much the last reply counts for the time that an argument takes, against all before. */
const LATEST = 0.2
/** A batch whose body has more characters is sent in halves. */
const LONGEST_BODY = 2 ** 17

/** With a batch of that so many executors died, one more may die of one of its halves. */
const DEATHS = 2
/** What may be one argument's fault, so that the others fare better without it. */
const HALVED = [ExecutionError, DeadlineExceededError, TooLargeError, ExecutorDiedError]

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

/** Sends a request. */
export type SendRequest = (argument: Argument, options: FilledCallOptions) => Promise<Reply>

type Batch<Item, Result> = { outcomes: MapOutcome<Item, Result>[] | undefined }

export class MapRun<Item, Result> implements AsyncIterable<MapOutcome<Item, Result>> {
  readonly counts: MapCounts = { read: 0, done: 0, failed: 0 }
  readonly #source: Iterator<Item> | AsyncIterator<Item>
  readonly #options: FilledMapOptions
  readonly #callOptions: FilledCallOptions
  readonly #user: Abortable = {
    cancel: cause => this.#end(new CancelledError('the map was cancelled', { cause })),
  }
  readonly #send: SendRequest
  readonly #outcomes = this.#run()
  readonly #abort = new AbortController()
  /** Not given yet, as they were read. */
  readonly #batches: Batch<Item, Result>[] = []
  #sent = 0
  /** How many arguments go into the next batch. */
  #size = 1
  #msPerItem: number | undefined
  /** A step of an asynchronous source that has been asked for. */
  #step: Promise<IteratorResult<Item>> | undefined
  #isRead = false
  /** What the source threw: the last thing to happen. */
  #sourceError: { error: unknown } | undefined
  /** What ends the run at once. */
  #fatal: Error | undefined
  /** Resolved when something has changed: for the reader, and for the caller. */
  #room = deferred<void>()
  #news = deferred<void>()

  constructor(source: Iterable<Item> | AsyncIterable<Item>, options: FilledMapOptions, send: SendRequest) {
    this.#options = options
    this.#callOptions = { ...options.call, signal: this.#abort.signal }
    this.#source = iteratorOf(source)
    this.#send = send
    if (options.batchSize !== 'auto') this.#size = options.batchSize
  }

  [Symbol.asyncIterator]() {
    return this.#outcomes
  }

  async *#run(): AsyncGenerator<MapOutcome<Item, Result>, void, undefined> {
    const { signal } = this.#options.call
    if (signal?.aborted) this.#user.cancel(signal.reason)
    else if (signal) listen(signal, this.#user)
    void this.#read()
    try {
      for (let batch; (batch = await this.#next());) for (const outcome of batch) yield outcome
    } finally {
      if (signal) unlisten(signal, this.#user)
      this.#end(new CancelledError('the map has ended'))
    }
  }

  /** Takes the outcomes of the next batch out; undefined when there are no more. */
  async #next(): Promise<MapOutcome<Item, Result>[] | undefined> {
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
  async #gather(): Promise<Item[]> {
    const batch: Item[] = []
    try {
      while (batch.length < this.#size && !this.#fatal) {
        let step = this.#step ?? this.#source.next()
        if (isPromise(step)) {
          this.#step = step
          if (batch.length > 0 && !(await isSoon(step))) return batch
          step = await step
          this.#step = undefined
        }
        if (Object(step) !== step) throw new TypeError(`expected a step of the arguments, got ${String(step)}`)
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

  #sendBatch(args: Item[]) {
    if (args.length === 0) return
    const batch: Batch<Item, Result> = { outcomes: undefined }
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
  async #compute(args: Item[], index: number, deaths = 0): Promise<MapOutcome<Item, Result>[]> {
    const isBatch = args.length > 1
    try {
      const payload = isBatch ? batchPayload(args) : writeArgument(args[0])
      if (!payload) return await this.#halves(args, index, deaths)
      const reply = await this.#send({ ...payload, batchSize: isBatch ? args.length : 0, deaths }, this.#callOptions)
      this.#learn(reply.computeMs ?? 0, args.length)
      return isBatch ? readBatch(args, index, reply) : [{ index, argument: args[0]!, result: reply.result as Result }]
    } catch (error) {
      if (isBatch && this.#isWorthHalves(error))
        return this.#halves(args, index, error instanceof ExecutorDiedError ? DEATHS : deaths)
      if (error instanceof CancelledError || error instanceof ConnectionError) this.#end(error)
      return args.map((argument, i) => ({ index: index + i, argument, error: error as Error }))
    }
  }

  /** Whether a batch's arguments may fare better without each other. What must not be computed twice is not sent again. */
  #isWorthHalves(error: unknown) {
    return this.#callOptions.retries !== 0 && HALVED.some(Class => error instanceof Class)
  }

  async #halves(args: Item[], index: number, deaths: number) {
    const middle = args.length >> 1
    const [first, second] = await Promise.all([
      this.#compute(args.slice(0, middle), index, deaths),
      this.#compute(args.slice(middle), index + middle, deaths),
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

const isPromise = <Value>(value: Value | PromiseLike<Value>): value is Promise<Value> =>
  typeof (value as PromiseLike<Value> | undefined)?.then === 'function'

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
function batchPayload(args: unknown[]): Payload | undefined {
  try {
    const body = writeJson(args, 'arguments')
    return body.length > LONGEST_BODY ? undefined : { body, isBytes: false }
  } catch {
    return undefined
  }
}

function readBatch<Item, Result>(
  args: Item[],
  index: number,
  { result, requestId, executorId }: Reply,
): MapOutcome<Item, Result>[] {
  const { results, errors, bytes } = (result ?? {}) as Partial<BatchReply>
  const details = { requestId, executorId }
  if (!Array.isArray(results) || results.length !== args.length)
    throw new ProtocolError('the reply is not that of a batch', details)
  return args.map((argument, i) => {
    const [error, base64] = [errors?.[i], bytes?.[i]]
    if (error) {
      const [code, text, thrown] = error
      return {
        index: index + i,
        argument,
        error: remoteError(Number(code), String(text), { ...details, thrown: readThrown(thrown) }),
      }
    }
    const value = base64 === undefined ? results[i] : new Uint8Array(Buffer.from(String(base64), 'base64'))
    return { index: index + i, argument, result: value as Result }
  })
}
