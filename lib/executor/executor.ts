// An executor: it joins the queue group of its subject, and answers what it computes.
import { EventEmitter } from 'node:events'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { nanoid } from 'nanoid'
import { type Msg, type NatsConnection, type Subscription, deferred } from '../nats/nats.js'
import { type CheckedOptions, isConnection } from '../nats/connection-options.js'
import { open, within } from '../nats/connection.js'
import { watch } from '../nats/watch.js'
import { Handover } from './handover/handover.js'
import { type Job, newJob } from './job.js'
import { Holding } from './holding.js'
import { INBOX, NotARequest, parseRequest } from '../protocol/request.js'
import { headersOf } from '../nats/headers.js'
import { subscribeSafely } from '../nats/subscribe-safely.js'
import { type ExecutorOptions, type FilledExecutorOptions, fillExecutorOptions } from '../options.js'
import { Pool } from '../slots/pool.js'
import { Code } from '../protocol/codes.js'
import { Replies } from './replies.js'
import { Service, serviceName } from './discovery.js'
import { VERSION } from '../version.js'

export interface ExecutorEvents {
  /** It is a member of the queue group and its threads are ready. */
  ready: []
  /** A computation starts. `argument` is JSON. */
  started: [{ requestId: string; argument: string }]
  /** A request was answered with its result, as JSON; `computeMs` is the time in its slot. */
  completed: [{ requestId: string; result: string; computeMs: number }]
  /** A request was answered with an error: its code and text. */
  failed: [{ requestId: string; code: number; error: string; computeMs: number }]
  /** Something worth a line in a log: a message that is no request, a connection lost or back. */
  warning: [string]
}

/** How often stopping looks whether all is done, in milliseconds. */
const LOOK_MS = 5
/** For the last messages on a connection that does not answer, in milliseconds. */
const FAREWELL_MS = 2000
const RETRY_AFTER_MS = { least: 20, most: 5000 }
/** By how many requests others may make the backlog longer than it should be: each of them offers one at a time. */
const MOST_GIVEN = 1000

export class Executor extends EventEmitter<ExecutorEvents> {
  /** The ADR-32 instance id, also the `Executor-Id` of its replies. */
  readonly id = nanoid()
  readonly subject: string
  readonly #options: FilledExecutorOptions
  readonly #given: NatsConnection | undefined
  readonly #abort = new AbortController()
  readonly #watching = new AbortController()
  #nc: NatsConnection | undefined
  #pool!: Pool<Job>
  #replies!: Replies
  #service!: Service
  #holding!: Holding
  #handover: Handover | undefined
  #subscription: Subscription | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  readonly #loaded = deferred<void>()
  readonly #closed = deferred<Error | undefined>()
  #refusesRest = false

  /**
   * @throws {TypeError} for an option of the wrong type or name
   * @throws {RangeError} for one that is out of range
   */
  constructor(options: ExecutorOptions = {}) {
    super()
    // It is looked at in `start`; a function that cannot be loaded again later has its notice.
    this.#loaded.catch(() => {})
    this.#options = fillExecutorOptions(options)
    this.subject = this.#options.subject
    const { connection } = this.#options
    this.#given = isConnection(connection) ? connection : undefined
  }

  /**
   * Resolves when the executor has stopped: with an error if its connection was closed for good by somebody else, as a
   * server does whose credentials have changed.
   */
  get closed(): Promise<Error | undefined> {
    return this.#closed
  }

  /**
   * Loads the function and joins the queue group; waits for a server for ever.
   * @throws if the function cannot be loaded, or the server refuses the connection or the subject
   */
  start(): Promise<void> {
    return (this.#starting ??= this.#start())
  }

  /**
   * Leaves the queue group, computes what is here, hands over or refuses (503) what cannot be computed within
   * `drainTimeout`, and closes the connection if it is its own. A second call returns the same promise.
   */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  /** Stops at once: what is here is answered with 503, and its computations are ended. */
  async stopNow(): Promise<void> {
    this.#abort.abort()
    await this.stop()
  }

  async #start() {
    const { queue, subject, balance, ...options } = this.#options
    const module = moduleUrl(options.module)
    this.#pool = new Pool({ ...options, module }, this.#poolOwner)
    const connecting = this.#connect()
    try {
      const [nc] = await Promise.all([connecting, this.#loaded])
      // Told to stop meanwhile, it must not get requests any more.
      this.#abort.signal.throwIfAborted()
      this.#nc = nc
      this.#replies = new Replies(nc, this.id)
      this.#holding = new Holding(nc, this.#replies, request =>
        this.#pool.end(request, Code.cancelled, 'cancelled by its client'),
      )
      this.#service = new Service(nc, {
        id: this.id,
        name: serviceName(subject),
        version: VERSION,
        description: `computes ${subject}`,
        metadata: { pid: String(process.pid), concurrency: String(options.concurrency) },
        subject,
        queue,
        data: () => this.#statistics(),
      })
      this.#service.start()
      let refused: Error | undefined
      this.#subscription = subscribeSafely(nc, subject, message => this.#received(message), {
        queue,
        onRefused: error => {
          refused = error
          this.emit('warning', `the server refuses the subject ${subject}: ${error.message}`)
        },
      })
      if (balance) {
        this.#handover = new Handover(nc, queue, subject, this.#pool, this.#handoverOwner)
        this.#handover.start()
      }
      await nc.flush()
      if (refused) throw refused
    } catch (error) {
      this.#abort.abort()
      await this.#pool.close()
      // It may be there although the function is not.
      if (!this.#given) await connecting.then(nc => nc.close()).catch(() => {})
      this.#watching.abort()
      this.#closed.resolve(undefined)
      throw error
    }
    this.emit('ready')
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
          if (!told) this.emit('warning', `no nats-server yet: ${error.message}`)
          told = true
        },
      ))
    const tell = (isUp: boolean) => {
      this.#holding?.connected(isUp)
      this.#handover?.connected(isUp)
      this.emit('warning', isUp ? 'connected again' : 'connection lost')
    }
    void watch(nc, tell, this.#watching.signal).then(error => this.#lost(error))
    return nc
  }

  /** The connection was closed for good. */
  async #lost(error: Error | undefined) {
    if (this.#stopping) return
    const handover = this.#handover
    // What the threads still tell must not be said on a closed connection.
    this.#handover = undefined
    this.#stopping = this.#pool.close()
    await Promise.allSettled([handover?.close(), this.#holding?.close(), this.#stopping])
    this.#closed.resolve(error ?? new Error('the connection was closed'))
  }

  #received(message: Msg) {
    if (!message.reply) {
      this.emit('warning', 'ignored a message without a reply subject')
      return
    }
    const request = readRequest(message)
    if (request instanceof NotARequest) {
      this.#service.count(0, request.text)
      this.#replies.send([message.reply], this.#replies.refusal(request.id, Code.invalid, request.text))
      this.emit('failed', { requestId: request.id ?? '', code: Code.invalid, error: request.text, computeMs: 0 })
    } else this.#take(newJob(request))
  }

  #take(request: Job) {
    if (!this.#holding.add(request)) return
    if (this.#refusesRest) this.#refuse(request)
    else if (!this.#pool.add(request)) this.#overloaded(request)
  }

  #overloaded(request: Job) {
    const { backlog, concurrency } = this.#options
    const mean = this.#service.processing / 1e6 / Math.max(1, this.#service.requests)
    const { least, most } = RETRY_AFTER_MS
    const retryAfter = Math.min(most, Math.max(least, (mean * backlog) / concurrency / 2))
    this.#answered(request, Code.overloaded, `the backlog is full: ${backlog} requests wait`, 0, retryAfter)
  }

  #refuse(request: Job) {
    this.#answered(request, Code.unavailable, 'the executor is stopping', 0, RETRY_AFTER_MS.least)
  }

  #answered(request: Job, code: number, text: string, nanoseconds: number, retryAfter?: number) {
    request.isGone = true
    this.#service.count(nanoseconds, text)
    this.#holding.answer(request, this.#replies.error(request, code, text, nanoseconds / 1e6, retryAfter))
    this.#tellFailed(request, code, text, nanoseconds)
  }

  #tellFailed(request: Job, code: number, error: string, nanoseconds: number) {
    this.emit('failed', { requestId: request.id, code, error, computeMs: nanoseconds / 1e6 })
  }

  readonly #poolOwner = {
    started: (request: Job) => {
      if (this.listenerCount('started'))
        this.emit('started', { requestId: request.id, argument: Buffer.from(request.body).toString() })
    },
    ended: (request: Job, code: number, body: Uint8Array, nanoseconds: number) => {
      if (code !== 0) {
        this.#answered(request, code, Buffer.from(body).toString(), nanoseconds)
        return
      }
      request.isGone = true
      const answer = this.#replies.result(request, body, nanoseconds / 1e6)
      this.#service.count(nanoseconds, answer.error)
      this.#holding.answer(request, answer)
      if (answer.error !== undefined) this.#tellFailed(request, Code.tooLarge, answer.error, nanoseconds)
      else if (this.listenerCount('completed'))
        this.emit('completed', {
          requestId: request.id,
          result: Buffer.from(body).toString(),
          computeMs: nanoseconds / 1e6,
        })
    },
    saturated: () => this.#handover?.saturated(),
    turnedLong: () => this.#handover?.turnedLong(),
    stuck: () => this.#handover?.stuck(),
    moved: () => {
      if (this.#pool.isReady) this.#loaded.resolve()
      this.#handover?.moved()
    },
    isOutranked: (request: Job) => this.#handover?.isOutranked(request) ?? false,
    fetchBefore: (request: Job) => this.#handover?.fetchBefore(request) ?? false,
    notice: (text: string) => void this.emit('warning', text),
    unloadable: (error: Error) => {
      this.#loaded.reject(error)
      // Before, `start` rejects with it.
      if (this.#subscription) this.emit('warning', `cannot load the function: ${error.message}`)
    },
  }

  readonly #handoverOwner = {
    arrived: (message: Msg) => this.#received(message),
    received: (request: Job) => {
      if (!this.#holding.add(request)) return
      if (this.#refusesRest) this.#refuse(request)
      else if (this.#pool.waiting >= this.#options.backlog + MOST_GIVEN) this.#overloaded(request)
      else this.#pool.insert(request)
    },
    leaving: (request: Job) => {
      request.isGone = true
      this.#holding.release(request)
    },
  }

  async #stop() {
    if (!this.#starting) {
      this.#closed.resolve(undefined)
      return
    }
    // Without a connection there is nothing to drain, and starting must end.
    if (!this.#nc) this.#abort.abort()
    try {
      await this.#starting
    } catch {
      return
    }
    const nc = this.#nc!
    const until = performance.now() + this.#options.drainTimeout
    const drained = this.#subscription!.drain()
    this.#handover?.stop()
    await within(drained, this.#options.drainTimeout)
    while (this.#pool.size > 0 || this.#handover?.isExpecting) {
      if (performance.now() > until || this.#abort.signal.aborted) this.#refusesRest = true
      if (this.#refusesRest) for (let rest; (rest = this.#pool.take());) this.#refuse(rest)
      if (this.#abort.signal.aborted) {
        for (const { running } of this.#pool.slots)
          if (running) this.#pool.end(running, Code.unavailable, 'the executor was stopped')
      }
      await sleep(LOOK_MS)
    }
    // A request may have been given at the last moment.
    await within(Promise.resolve(this.#handover?.close()), FAREWELL_MS)
    while (this.#pool.size > 0) await sleep(LOOK_MS)
    while (this.#holding.isDelivering && performance.now() < until && !this.#abort.signal.aborted) await sleep(LOOK_MS)
    await within(this.#holding.close(), FAREWELL_MS)
    await within(this.#service.stop(), FAREWELL_MS)
    await within(nc.flush(), FAREWELL_MS)
    await this.#pool.close()
    this.#watching.abort()
    if (!this.#given) await nc.close()
    this.#closed.resolve(undefined)
  }

  #statistics() {
    const { waiting, slots } = this.#pool
    return {
      backlog: waiting,
      computing: slots.filter(slot => slot.running).length,
      concurrency: slots.length,
      ...this.#handover?.counts,
    }
  }
}

function moduleUrl(chosen: string | URL): string {
  if (chosen instanceof URL) return chosen.href
  return /^[a-z]+:/.test(chosen) && !/^[a-z]:[\\/]/i.test(chosen) ? chosen : pathToFileURL(resolve(chosen)).href
}

function readRequest(message: Msg) {
  if (!INBOX.test(message.reply!))
    return new NotARequest('the reply subject has more than 256 characters, white space or wildcards')
  return parseRequest(headersOf(message), message.data, [message.reply!], 0)
}
