// Many calls as one loop: arguments go in, what came of each comes out.
//
// Arguments are read in batches; a batch is one request: a batch, or the plain request of one argument. A batch is sent, then
// done, with the outcome of each argument, then given to the caller. The reader (`#read`, one promise for the whole run)
// waits while enough batches are sent, or twice as many are not given (`InFlight` says how many), and for its `Pace`. A batch
// that fails as a whole, as when one of its arguments ends the process, is sent again in halves, so that the others get their
// results.
import { MAX_MS } from '../protocol/limits.js'
import { withCaller } from '../caller-stack.js'
import { deferred } from '../deferred.js'
import { type Abortable, listen, unlisten } from './abort.js'
import { BatchSize } from './batch-size.js'
import type { Argument } from './call-owner.js'
import { InFlight } from './in-flight.js'
import { type MapOutcome, batchPayload, mostLike, readBatch, singlePayload } from './map-batch.js'
import { copyOf, isPromise, isSoon, iteratorOf } from './map-source.js'
import { Pace } from './pace.js'
import type { Reply } from './reply.js'
import type { State } from './watch.js'
import {
  CancelledError,
  ConnectionError,
  DeadlineExceededError,
  ExecutionError,
  ExecutorDiedError,
  type RequestError,
  TooLargeError,
} from '../errors.js'
import type { FilledCallOptions, FilledMapOptions } from '../client-options.js'

/** With a batch of that so many executors died, one more may die of one of its halves. */
const DEATHS = 2
/** What may be one argument's fault, so that the others fare better without it. */
const HALVED = [ExecutionError, DeadlineExceededError, TooLargeError, ExecutorDiedError]

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

const wasSent = (error: unknown) => (error as RequestError).attempts !== 0

type Batch<Item, Result> = { outcomes: MapOutcome<Item, Result>[] | undefined }

export class MapRun<Item, Result> implements AsyncIterable<MapOutcome<Item, Result>> {
  readonly counts: MapCounts = { read: 0, done: 0, failed: 0 }
  readonly #source: Iterator<Item> | AsyncIterator<Item>
  readonly #options: FilledMapOptions
  readonly #callOptions: FilledCallOptions
  readonly #user: Abortable = {
    cancel: cause => this.#end(new CancelledError('the map was cancelled', { cause })),
  }
  /** The client ends the calls itself, of which the detached ones are computed all the same. */
  readonly #client: Abortable = {
    cancel: reason => this.#stop(new CancelledError((reason as Error).message)),
  }
  readonly #closing: AbortSignal
  readonly #send: SendRequest
  readonly #outcomes = this.#run()
  readonly #abort = new AbortController()
  /** Not given yet, as they were read. */
  readonly #batches: Batch<Item, Result>[] = []
  #sent = 0
  readonly #inFlight: InFlight
  readonly #pace: Pace
  readonly #batchSize: BatchSize
  /** A step of an asynchronous source that has been asked for. */
  #step: Promise<IteratorResult<Item>> | undefined
  #isRead = false
  /** The source knows that nothing more is read. */
  #isLeft = false
  /** What the source threw: the last thing to happen. */
  #sourceError: { error: unknown } | undefined
  /** What ends the run at once. */
  #fatal: Error | undefined
  /** Resolved when something has changed: for the reader, and for the caller. */
  #room = deferred<void>()
  #news = deferred<void>()

  /** `closing`: aborted when the client is closed, with an error that says so. */
  constructor(
    source: Iterable<Item> | AsyncIterable<Item>,
    options: FilledMapOptions,
    send: SendRequest,
    closing: AbortSignal,
  ) {
    this.#options = options
    this.#callOptions = { ...options.call, signal: this.#abort.signal }
    this.#source = iteratorOf(source)
    this.#send = send
    this.#closing = closing
    this.#inFlight = new InFlight(options.concurrency)
    this.#pace = new Pace(options.limit)
    this.#batchSize = new BatchSize(options.batchSize)
  }

  [Symbol.asyncIterator]() {
    return this.#outcomes
  }

  async *#run(): AsyncGenerator<MapOutcome<Item, Result>, void, undefined> {
    const { signal } = this.#options.call
    if (signal?.aborted) this.#user.cancel(signal.reason)
    else listen(signal, this.#user)
    if (this.#closing.aborted) this.#client.cancel(this.#closing.reason)
    else listen(this.#closing, this.#client)
    void this.#read()
    try {
      for (let batch; (batch = await withCaller(this.#next()));) for (const outcome of batch) yield outcome
    } finally {
      unlisten(signal, this.#user)
      unlisten(this.#closing, this.#client)
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
    this.#stop(error)
    this.#abort.abort(error)
  }

  /** Reads, sends and gives nothing any more. */
  #stop(error: Error) {
    this.#fatal ??= error
    this.#room.resolve()
    this.#news.resolve()
    // A step that is awaited may never come.
    if (this.#step && !this.#isRead) void this.#leave()
  }

  /** Tells the source that nothing more is read; what it answers is nobody's affair. */
  async #leave() {
    if (this.#isLeft) return
    this.#isLeft = true
    try {
      await this.#source.return?.()
    } catch {}
  }

  /** Reads and sends all that the source has. */
  async #read() {
    while (!this.#isRead && !this.#fatal) {
      const { most, mostKept } = this.#inFlight
      const pauseMs = this.#pace.pauseMs(performance.now())
      if (this.#sent >= most || this.#batches.length >= mostKept) await (this.#room = deferred())
      else if (pauseMs > 0) await this.#pause(pauseMs)
      else await this.#gather()
    }
    if (!this.#isRead) void this.#leave()
    this.#isRead = true
    this.#news.resolve()
  }

  /** Waits for so long, or until something changes. */
  async #pause(ms: number) {
    const room = (this.#room = deferred())
    const timer = setTimeout(() => room.resolve(), Math.min(Math.ceil(ms), MAX_MS))
    await room
    clearTimeout(timer)
  }

  /** Reads arguments for a batch, less than would fit when the source takes its time, and sends it at once: else it would seem to be done. */
  async #gather() {
    const batch: Item[] = []
    const size = Math.min(this.#batchSize.next, this.#pace.mostAtOnce)
    try {
      while (batch.length < size && !this.#fatal) {
        let step = this.#step ?? this.#source.next()
        if (isPromise(step)) {
          this.#step = step
          if (batch.length > 0 && !(await isSoon(step))) break
          step = await step
          this.#step = undefined
        }
        if (Object(step) !== step) throw new TypeError(`expected a step of the arguments, got ${String(step)}`)
        if (step.done) {
          this.#isRead = true
          break
        }
        batch.push(copyOf(step.value))
      }
    } catch (error) {
      this.#isRead = true
      this.#sourceError = { error }
    }
    this.#sendBatch(batch)
  }

  #sendBatch(args: Item[]) {
    if (args.length === 0) return
    const batch: Batch<Item, Result> = { outcomes: undefined }
    const index = this.counts.read
    this.counts.read += args.length
    this.#pace.sent(args.length, performance.now())
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

  /** Has arguments computed, of which the first has that index; it never rejects. `isWhole`: as they were read, not a half of them. */
  async #compute(
    args: Item[],
    index: number,
    before = { deaths: 0, tries: 0 },
    isWhole = true,
  ): Promise<MapOutcome<Item, Result>[]> {
    const isBatch = args.length > 1
    try {
      const payload = isBatch ? batchPayload(args) : singlePayload(args[0])
      if (!payload) {
        if (isWhole) this.#batchSize.fit(args.length / 2)
        return await this.#halves(args, index, before)
      }
      // Before there are replies, which come by the hundred on a busy machine.
      if (isWhole && !isBatch) this.#batchSize.fit(mostLike(payload))
      const reply = await this.#request({ ...payload, batchSize: isBatch ? args.length : 0, ...before })
      this.#batchSize.took(reply.computeMs ?? 0, args.length)
      return isBatch ? readBatch(args, index, reply) : [{ index, argument: args[0]!, result: reply.result as Result }]
    } catch (error) {
      if (isBatch && this.#isWorthHalves(error)) {
        if (isWhole && error instanceof TooLargeError) this.#batchSize.fit(args.length / 2)
        const deaths = error instanceof ExecutorDiedError ? DEATHS : before.deaths
        return this.#halves(args, index, { deaths, tries: wasSent(error) ? 1 : before.tries })
      }
      if (error instanceof CancelledError || error instanceof ConnectionError) this.#end(error)
      return args.map((argument, i) => ({ index: index + i, argument, error: error as RequestError }))
    }
  }

  /** Sends a request, and counts it by what is heard of it. */
  async #request(argument: Argument): Promise<Reply> {
    let state: State = 'unknown'
    const onState = (next: State) => {
      this.#inFlight.change(state, next)
      state = next
      this.#room.resolve()
    }
    try {
      return await this.#send(argument, { ...this.#callOptions, onState })
    } finally {
      this.#inFlight.change(state, 'unknown')
    }
  }

  /** Whether a batch's arguments may fare better without each other. What must not be computed twice is not sent again. */
  #isWorthHalves(error: unknown) {
    return (this.#callOptions.retries !== 0 || !wasSent(error)) && HALVED.some(Class => error instanceof Class)
  }

  /** Both at once if so many requests may be under way, else one after the other. */
  async #halves(args: Item[], index: number, before: { deaths: number; tries: number }) {
    const middle = args.length >> 1
    const first = this.#compute(args.slice(0, middle), index, before, false)
    const isRoom = this.#sent < this.#inFlight.most
    if (isRoom) this.#sent++
    else await first
    const second = await this.#compute(args.slice(middle), index + middle, before, false)
    if (isRoom) this.#sent--
    return [...(await first), ...second]
  }
}
