// An executor: it joins the queue group of its subject, and answers what its slots compute.
//
// States: new → starting (the function is loaded, then the connection opened) → running → stopping → stopped. While running it is a
// member of the group as long as it has a slot that works.
import { EventEmitter } from 'node:events'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nanoid } from 'nanoid'
import { type CheckedOptions, isConnection } from '../nats/connection-options.js'
import { isOpen, open, within } from '../nats/connection.js'
import { headersOf } from '../nats/headers.js'
import { type Msg, type NatsConnection, type Subscription, deferred } from '../nats/nats.js'
import { subscribeSafely } from '../nats/subscribe-safely.js'
import { watch } from '../nats/watch.js'
import { type ExecutorOptions, type FilledExecutorOptions, fillExecutorOptions } from '../options.js'
import { Code } from '../protocol/codes.js'
import { INBOX, NotARequest, parseRequest } from '../protocol/request.js'
import { serviceName } from '../protocol/subjects.js'
import type { PoolOwner } from '../slots/pool-owner.js'
import { Pool } from '../slots/pool.js'
import type { Outcome, Output } from '../slots/task.js'
import { VERSION } from '../version.js'
import { Discovery } from './discovery.js'
import { Handover } from './handover/handover.js'
import { Holding } from './holding.js'
import { type Job, newJob } from './job.js'
import { Replies } from './replies.js'
import { Teller } from './teller.js'

export interface ExecutorEvents {
  /** It is a member of the queue group and its slots have loaded the function. */
  ready: []
  /** A computation starts. `argument` is JSON. */
  started: [{ requestId: string; argument: string }]
  /** A request was answered with its result, as JSON; `computeMs` is the time in its slot. */
  completed: [{ requestId: string; result: string; computeMs: number }]
  /** A request, or an argument of a batch, was answered with an error: its code, text and, if the function threw it, stack. */
  failed: [{ requestId: string; code: number; error: string; computeMs: number; stack?: string | undefined }]
  /** What the function printed: a line of one of its standard streams, and whose it is as far as that is known. */
  output: [Output]
  /** It was told to stop, and waits for that many requests, for `drainTimeout` milliseconds at most. */
  stopping: [{ computing: number; waiting: number; drainTimeout: number }]
  /** Something worth a line in a log: a message that is no request, a connection lost or back. */
  warning: [string]
}

/** How often stopping looks whether all is done, in milliseconds. */
const LOOK_MS = 5
/** For the last messages, whatever the server does, in milliseconds. */
const FAREWELL_MS = { drained: 500, atOnce: 150 }
const RETRY_AFTER_MS = { least: 20, most: 5000 }
/** By how many requests others may make the backlog longer than it should be: each of them offers one at a time. */
const MOST_GIVEN = 1000
/** A function that loads for so long is worth a word. */
const SLOW_LOAD_MS = 2000

export class Executor extends EventEmitter<ExecutorEvents> {
  /** The ADR-32 instance id, also the `Executor-Id` of its replies. */
  readonly id = nanoid()
  readonly subject: string
  readonly #options: FilledExecutorOptions
  readonly #given: NatsConnection | undefined
  readonly #abort = new AbortController()
  readonly #tell = new Teller<ExecutorEvents>(this)
  readonly #closed = deferred<Error | undefined>()
  readonly #loaded = deferred<void>()
  readonly #watching = new AbortController()
  #nc: NatsConnection | undefined
  #pool!: Pool<Job>
  #replies!: Replies
  #discovery!: Discovery
  #holding!: Holding
  #handover: Handover | undefined
  #subscription: Subscription | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #refusesRest = false
  /** Why it stops, if it was not told to. */
  #error: Error | undefined

  /**
   * @throws {TypeError} for an option of the wrong type or name
   * @throws {RangeError} for one that is out of range
   */
  constructor(options: ExecutorOptions = {}) {
    super()
    // It is looked at in `start`; a function that cannot be loaded again later has its warning.
    this.#loaded.catch(() => {})
    this.#options = fillExecutorOptions(options)
    this.subject = this.#options.subject
    const { connection } = this.#options
    this.#given = isConnection(connection) ? connection : undefined
  }

  /**
   * Resolves when the executor has stopped: with an error if it was not told to, since its connection was closed for good, as a
   * server does whose credentials have changed, or since no slot has worked for a minute.
   */
  get closed(): Promise<Error | undefined> {
    return this.#closed
  }

  /**
   * Loads the function, connects and joins the queue group; waits for a server for ever. A second call returns the same promise.
   * @throws if the function cannot be loaded, the server refuses the connection or the subject, or the executor was stopped
   */
  start(): Promise<void> {
    if (this.#stopping) return Promise.reject(new Error('the executor was stopped: make a new one'))
    return (this.#starting ??= this.#start())
  }

  /**
   * Leaves the queue group, computes what is here, or hands it over; after `drainTimeout` it ends what runs and answers the rest
   * with 503. Closes the connection if it is its own. A second call returns the same promise.
   */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  /** Stops at once: what is here is answered with 503, and its computations are ended. */
  stopNow(): Promise<void> {
    this.#abort.abort()
    return this.stop()
  }

  async #start() {
    const { subject, module } = this.#options
    const options = { ...this.#options, title: `nats-executor slot ${subject} ${this.id} ${basename(module)}` }
    const slow = setTimeout(() => this.#tell.emit('warning', `still loading the function ${module}`), SLOW_LOAD_MS)
    this.#pool = new Pool(options, this.#poolOwner)
    try {
      // A function that cannot be loaded is known before anybody hears of this executor.
      await this.#unlessStopped(this.#loaded)
      clearTimeout(slow)
      this.#nc = await this.#connect()
      this.#abort.signal.throwIfAborted()
      await this.#serve(this.#nc)
    } catch (error) {
      clearTimeout(slow)
      this.#abort.abort()
      await this.#pool.close()
      // A connection that stays open must not keep what is of no use.
      if (this.#canSend) this.#subscription?.unsubscribe()
      await within(Promise.all([this.#handover?.close(), this.#discovery?.stop()]), FAREWELL_MS.drained)
      if (!this.#given && this.#nc) await within(this.#nc.close(), FAREWELL_MS.drained)
      this.#watching.abort()
      this.#closed.resolve(undefined)
      throw error
    }
    this.#tell.emit('ready')
  }

  async #serve(nc: NatsConnection) {
    const { subject, queue, concurrency, balance } = this.#options
    this.#replies = new Replies(nc, this.id)
    this.#holding = new Holding(nc, this.#replies, job =>
      this.#pool.end(job, Code.cancelled, 'cancelled by its client'),
    )
    this.#discovery = new Discovery(nc, {
      id: this.id,
      name: serviceName(subject),
      version: VERSION,
      description: `computes ${subject}`,
      metadata: { pid: String(process.pid), concurrency: String(concurrency) },
      subject,
      queue,
      data: () => this.#statistics(),
    })
    this.#discovery.start()
    if (balance) this.#handover = new Handover(nc, queue, subject, this.#pool, this.#handoverOwner)
    let refused: Error | undefined
    this.#joinGroup(error => (refused = error))
    this.#handover?.start()
    await nc.flush()
    if (refused) throw refused
  }

  #joinGroup(onRefused?: (error: Error) => void) {
    const { subject, queue } = this.#options
    this.#subscription = subscribeSafely(this.#nc!, subject, message => this.#received(message), {
      queue,
      onRefused: error => {
        onRefused?.(error)
        this.#tell.emit('warning', `the server refuses the subject ${subject}: ${error.message}`)
      },
    })
  }

  /** Rejects when the executor is told to stop meanwhile. */
  #unlessStopped<Value>(promise: Promise<Value>): Promise<Value> {
    const { signal } = this.#abort
    const stopped = new Promise<never>((_, reject) => {
      signal.throwIfAborted()
      signal.addEventListener('abort', () => reject(new Error('the executor was stopped')), { once: true })
    })
    return Promise.race([promise, stopped])
  }

  async #connect(): Promise<NatsConnection> {
    const { connection, subject } = this.#options
    let told = false
    const nc =
      this.#given ??
      (await open(
        connection as CheckedOptions,
        // What it publishes is for others: its own questions are not to come back to it.
        { name: `executor ${subject}`, noEcho: true },
        this.#abort.signal,
        error => {
          if (!told) this.#tell.emit('warning', `no nats-server yet: ${error.message}`)
          told = true
        },
      ))
    const tell = (isUp: boolean) => {
      this.#holding?.connected(isUp)
      if (this.#canSend) this.#handover?.connected(isUp)
      this.#tell.emit('warning', isUp ? 'connected again' : 'connection lost')
    }
    void watch(nc, tell, this.#watching.signal).then(error =>
      this.#fail(new Error(`the connection is closed${error ? `: ${error.message}` : ''}`, { cause: error })),
    )
    return nc
  }

  /** A connection that its owner drains or has closed takes nothing any more. */
  get #canSend() {
    return this.#nc !== undefined && isOpen(this.#nc)
  }

  /** Ends without having been told to. */
  #fail(error: Error) {
    if (this.#stopping) return
    this.#abort.abort()
    this.#error = error
    void this.stop()
  }

  #received(message: Msg) {
    if (!message.reply) {
      this.#tell.emit('warning', 'ignored a message without a reply subject')
      return
    }
    const request = readRequest(message)
    if (request instanceof NotARequest) {
      this.#discovery.count(0, { code: Code.invalid })
      this.#replies.send([message.reply], this.#replies.refusal(request.id, Code.invalid, request.text))
      this.#tell.emit('failed', { requestId: request.id ?? '', code: Code.invalid, error: request.text, computeMs: 0 })
    } else this.#take(newJob(request))
  }

  #take(job: Job) {
    if (!this.#holding.add(job)) return
    if (this.#refusesRest) this.#refuse(job)
    else if (!this.#pool.add(job)) this.#overloaded(job)
  }

  #overloaded(job: Job) {
    const { backlog, concurrency } = this.#options
    const { least, most } = RETRY_AFTER_MS
    const retryAfter = Math.min(most, Math.max(least, (this.#discovery.meanMs * backlog) / concurrency / 2))
    this.#answerError(job, Code.overloaded, `the backlog is full: ${backlog} requests wait`, { retryAfter })
  }

  #refuse(job: Job) {
    this.#answerError(job, Code.unavailable, 'the executor is stopping', { retryAfter: RETRY_AFTER_MS.least })
  }

  #answerError(
    job: Job,
    code: number,
    error: string,
    {
      nanoseconds = 0,
      retryAfter,
      stack,
    }: { nanoseconds?: number; retryAfter?: number; stack?: string | undefined } = {},
  ) {
    job.isGone = true
    const computeMs = nanoseconds / 1e6
    this.#discovery.count(nanoseconds, { code, of: job })
    this.#holding.answer(job, this.#replies.error(job, code, error, computeMs, retryAfter))
    this.#tell.emit('failed', { requestId: job.id, code, error, computeMs, ...(stack && { stack }) })
  }

  #ended({ task: job, code, body, nanoseconds, stack, failedArguments }: Outcome<Job>) {
    if (code !== 0) return this.#answerError(job, code, Buffer.from(body).toString(), { nanoseconds, stack })
    const computeMs = nanoseconds / 1e6
    const answer = this.#replies.result(job, body, computeMs)
    if (answer.error !== undefined) return this.#answerError(job, Code.tooLarge, answer.error, { nanoseconds })
    job.isGone = true
    this.#discovery.count(nanoseconds, { code: 0, of: job, failedArguments })
    this.#holding.answer(job, answer)
    this.#tell.emit('completed', () => ({ requestId: job.id, result: Buffer.from(body).toString(), computeMs }))
  }

  readonly #poolOwner: PoolOwner<Job> = {
    started: job =>
      this.#tell.emit('started', () => ({ requestId: job.id, argument: Buffer.from(job.body).toString() })),
    ended: outcome => this.#ended(outcome),
    interrupted: (job, text) => {
      const nanoseconds = Math.max(1, (performance.now() - job.startedAt) * 1e6)
      this.#answerError(job, Code.unavailable, `interrupted: ${text}`, {
        nanoseconds,
        retryAfter: RETRY_AFTER_MS.least,
      })
    },
    argumentFailed: (job, index, code, error, stack) =>
      this.#tell.emit('failed', { requestId: `${job.id}.${index}`, code, error, computeMs: 0, stack }),
    saturated: () => this.#canSend && this.#handover?.saturated(),
    turnedLong: () => this.#canSend && this.#handover?.turnedLong(),
    stuck: () => this.#canSend && this.#handover?.stuck(),
    moved: () => {
      if (this.#pool.isReady) this.#loaded.resolve()
      if (this.#canSend) this.#handover?.moved()
    },
    isOutranked: job => this.#handover?.isOutranked(job) ?? false,
    fetchBefore: job => (this.#canSend && this.#handover?.fetchBefore(job)) || false,
    output: output => this.#tell.emit('output', output),
    warning: text => this.#tell.emit('warning', text),
    failed: error => {
      // Before, `start` rejects with it.
      if (this.#nc) this.#tell.emit('warning', `a slot has failed to start: ${error.message}`)
      this.#loaded.reject(new Error(`cannot load the function: ${error.message}`))
    },
    isWorking: isWorking => {
      if (!this.#canSend || this.#stopping) return
      this.#tell.emit('warning', isWorking ? 'a slot works again' : 'no slot works: this executor takes no requests')
      if (isWorking) this.#joinGroup()
      else void this.#subscription!.drain().catch(() => {})
      this.#handover?.takesNoMore(!isWorking)
    },
    hopeless: error => this.#fail(new Error(`no slot has worked for a minute: ${error.message}`)),
  }

  readonly #handoverOwner = {
    arrived: (message: Msg) => this.#received(message),
    received: (job: Job) => {
      if (!this.#holding.add(job)) return
      if (this.#refusesRest) this.#refuse(job)
      else if (this.#pool.waiting >= this.#options.backlog + MOST_GIVEN) this.#overloaded(job)
      else this.#pool.insert(job)
    },
    leaving: (job: Job) => {
      job.isGone = true
      this.#holding.release(job)
    },
  }

  async #stop() {
    const { drainTimeout } = this.#options
    const until = performance.now() + drainTimeout
    // Without a connection there is nothing to drain, and starting must end.
    if (!this.#nc) this.#abort.abort()
    await this.#starting?.catch(() => {})
    if (this.#nc && this.#replies) {
      this.#tell.emit('stopping', { computing: this.#pool.running.length, waiting: this.#pool.waiting, drainTimeout })
      await this.#drain(this.#nc, until)
    }
    this.#closed.resolve(this.#error)
  }

  async #drain(nc: NatsConnection, until: number) {
    const isOver = () => this.#abort.signal.aborted || performance.now() > until
    const left = async () => {
      await this.#subscription!.drain().catch(() => {})
      if (this.#canSend) this.#handover?.takesNoMore(true)
    }
    const aborted = new Promise(resolve => this.#abort.signal.addEventListener('abort', resolve))
    if (!isOver()) await within(Promise.race([left(), aborted]), until - performance.now())
    while (!isOver() && !this.#isIdle) await sleep(LOOK_MS)
    this.#refusesRest = true
    for (let rest; (rest = this.#pool.take());) this.#refuse(rest)
    for (const job of this.#pool.running) this.#pool.end(job, Code.unavailable, 'the executor was stopped')
    const farewell = performance.now() + (this.#abort.signal.aborted ? FAREWELL_MS.atOnce : FAREWELL_MS.drained)
    while (performance.now() < farewell && (this.#pool.size > 0 || this.#holding.isDelivering)) await sleep(LOOK_MS)
    const goodbye = async () => {
      await this.#handover?.close()
      await this.#holding.close()
      await this.#discovery.stop()
      if (this.#canSend) await nc.flush()
    }
    await within(goodbye(), farewell - performance.now())
    await this.#pool.close()
    this.#watching.abort()
    if (!this.#given) await within(nc.close(), Math.max(LOOK_MS, farewell - performance.now()))
  }

  get #isIdle() {
    return this.#pool.size === 0 && !this.#handover?.isExpecting && !this.#holding.isDelivering
  }

  #statistics() {
    return {
      backlog: this.#pool.waiting,
      computing: this.#pool.running.length,
      concurrency: this.#options.concurrency,
      ...this.#handover?.counts,
    }
  }
}

function readRequest(message: Msg) {
  if (!INBOX.test(message.reply!))
    return new NotARequest('the reply subject has more than 256 characters, white space or wildcards')
  return parseRequest(headersOf(message), message.data, [message.reply!], 0)
}
