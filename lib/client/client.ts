// A client: its connection, and the calls that are under way on it.
import { nanoid } from 'nanoid'
import { type Deferred, type NatsConnection, deferred } from '../nats/nats.js'
import { Call, type CallOwner, type Reply } from './call.js'
import { isConnection } from '../nats/connection-options.js'
import { closeWithin, open, serversOf } from '../nats/connection.js'
import { watch } from '../nats/watch.js'
import { Custody } from './custody.js'
import { ConnectionError } from '../errors.js'
import { MapRun, type SendRequest } from './map.js'
import {
  type CallOptions,
  type ClientOptions,
  type FilledClientOptions,
  type MapOptions,
  checkRetries,
  checkTimeout,
  fillClientOptions,
} from '../options.js'

/** Nobody is there, or all are full: try again after this, longer with each time, in milliseconds. */
const AGAIN_MS = { first: 20, most: 250 }
/** Of many calls that try again, that many do it in a millisecond. */
const TRIES_PER_MS = 4
/** Fewer of those that were refused, since each call that ends lets one of them in, and every so many one more. */
const REFUSED_TRIES_PER_MS = 0.5
const ONE_MORE_EVERY = 16

/** On closing, for what is on its way to a server that does not answer, in milliseconds. */
const FAREWELL_MS = 1000

export class ExecutorClient implements CallOwner {
  readonly subject: string
  readonly #options: FilledClientOptions
  readonly #closing = new AbortController()
  readonly #calls = new Set<Call>()
  readonly #custody = new Custody(this.#calls, () => this.connected)
  /** Found no room in a backlog, oldest first; some may have tried again meanwhile. */
  readonly #refused = new Set<Call>()
  #ended = 0
  #nc: NatsConnection | undefined
  #isUp = false
  #connecting: Promise<unknown> | undefined
  #up: Deferred<void> | undefined
  #closed: Promise<void> | undefined

  /**
   * Connects with the first call.
   * @throws {TypeError} for an option of the wrong type or name
   * @throws {RangeError} for one that is out of range
   */
  constructor(options: ClientOptions = {}) {
    this.#options = fillClientOptions(options)
    this.subject = this.#options.subject
  }

  /**
   * Has `argument` computed by an executor and resolves with the result.
   * @param argument anything that JSON can say
   * @throws {RequestError} one of its subclasses: what the executor answered, or why there is no answer
   * @throws {TypeError} when JSON cannot say the argument, or an option is of the wrong type
   */
  call<Result = unknown>(argument: unknown, options: CallOptions = {}): Promise<Result> {
    return this.request<Result>(argument, options).then(({ result }) => result)
  }

  /** As `call`, and resolves with the request's id and who computed it beside the result. */
  request<Result = unknown>(argument: unknown, options: CallOptions = {}): Promise<Reply<Result>> {
    try {
      const body = JSON.stringify(argument) as string | undefined
      if (body === undefined) throw new TypeError(`JSON cannot say the argument: ${String(argument)}`)
      return this.#request(body, 0, options) as Promise<Reply<any>>
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /**
   * Has many arguments computed, and gives what came of each: its result or its error. It reads the arguments only as fast
   * as they can be sent, and sends only as fast as the outcomes are read. To leave the loop early ends what is under way.
   * @param source arguments, each anything that JSON can say
   * @throws {TypeError | RangeError} for a wrong option; while it runs, what the source throws, a `CancelledError` when the
   * signal is aborted or the client closed, and a `ConnectionError` when the server refuses the connection
   */
  map<Argument, Result = unknown>(
    source: Iterable<Argument> | AsyncIterable<Argument>,
    options: MapOptions = {},
  ): MapRun<Argument, Result> {
    const { timeout = this.#options.timeout, retries = this.#options.retries } = options
    checkTimeout(timeout)
    checkRetries(retries)
    const send: SendRequest = (body, batchSize, callOptions) => this.#request(body, batchSize, callOptions)
    return new MapRun(source, { ...options, timeout, retries }, send)
  }

  #request(body: string, batchSize: number, options: CallOptions): Promise<Reply> {
    const { timeout = this.#options.timeout, retries = this.#options.retries, signal } = options
    try {
      checkTimeout(timeout)
      checkRetries(retries)
      const call = new Call(this, nanoid(), body, batchSize, timeout, retries)
      if (this.#closing.signal.aborted) call.cancel(new Error('the client is closed'))
      else if (signal?.aborted) call.cancel(signal.reason)
      else {
        this.#calls.add(call)
        if (signal) this.#listen(call, signal)
        this.#custody.watch()
        call.send()
      }
      return call.done
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /**
   * Ends what is under way with a `CancelledError`, here and at the executors, and closes the connection if it is this
   * client's own. A second call returns the same promise.
   */
  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close() {
    this.#closing.abort()
    for (const call of this.#calls) call.cancel(new Error('the client was closed'))
    await this.#custody.close()
    const { connection } = this.#options
    if (isConnection(connection)) return
    await this.#connecting?.catch(() => {})
    if (this.#nc) await closeWithin(this.#nc, FAREWELL_MS)
  }

  #listen(call: Call, signal: AbortSignal) {
    const onAbort = () => call.cancel(signal.reason)
    signal.addEventListener('abort', onAbort)
    const ended = () => signal.removeEventListener('abort', onAbort)
    call.done.then(ended, ended)
  }

  async #connect() {
    const { connection } = this.#options
    const nc = isConnection(connection)
      ? connection
      : await open(connection, { name: `client ${this.subject}` }, this.#closing.signal).catch(cause => {
          throw new ConnectionError(`${serversOf(connection)} refuses the connection: ${cause.message}`, {
            cause,
          })
        })
    this.#nc = nc
    this.#isUp = true
    const tell = (isUp: boolean) => {
      this.#isUp = isUp
      if (!isUp) return
      this.#custody.suspectAll()
      this.#up?.resolve()
    }
    void watch(nc, tell, this.#closing.signal).then(cause => {
      this.#isUp = false
      const error = new ConnectionError('the connection was closed', { cause })
      for (const call of this.#calls) call.fail(error)
      this.#up?.reject(error)
      this.#nc = this.#connecting = undefined
    })
  }

  // What calls need.

  get connected() {
    return this.#isUp ? this.#nc : undefined
  }

  async connection() {
    if (!this.#nc) {
      this.#connecting ??= this.#connect()
      try {
        await this.#connecting
      } catch (error) {
        this.#connecting = undefined
        throw error
      }
    }
    while (this.#nc && !this.#isUp) {
      const up = (this.#up ??= deferred())
      await up.finally(() => (this.#up = undefined))
    }
  }

  pause(tries: number, isRefused: boolean) {
    const { first, most } = AGAIN_MS
    const perMs = isRefused ? REFUSED_TRIES_PER_MS : TRIES_PER_MS
    // All over the interval, since what was sent together is refused together.
    const inTurn = (this.#calls.size / perMs) * 2 * Math.random()
    return Math.min(most, first * 1.5 ** tries) * (0.5 + Math.random()) + inTurn
  }

  refused(call: Call) {
    this.#refused.add(call)
  }

  whoIsMissing() {
    const { connection } = this.#options
    if (this.#isUp) return `no executor on ${this.subject}`
    return `no nats-server${isConnection(connection) ? '' : ` at ${serversOf(connection)}`}`
  }

  settled(call: Call) {
    this.#calls.delete(call)
    this.#refused.delete(call)
    if (call.losses > 0) this.#custody.dismiss(call)
    if (call.sentAt === 0 || !this.connected || this.#closing.signal.aborted) return
    // It was in a backlog or a slot, where there is room now.
    this.#letIn()
    if (++this.#ended % ONE_MORE_EVERY === 0) this.#letIn()
  }

  /** The one that was refused first may try again at once. */
  #letIn() {
    for (const call of this.#refused) {
      this.#refused.delete(call)
      if (call.tryNow()) return
    }
  }

  cancelled(call: Call) {
    this.#custody.cancel(call)
  }
}
