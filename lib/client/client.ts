// A client: its connection, and the calls that are under way on it.
import { nanoid } from 'nanoid'
import { type Deferred, deferred } from '../deferred.js'
import type { NatsConnection, NatsError } from '../nats/nats.js'
import { isConnection } from '../nats/connection-options.js'
import { closeWithin, isUp, open, serversOf } from '../nats/connection.js'
import { Inbox } from '../nats/inbox.js'
import { noConnection, takesNone } from '../nats/refusals.js'
import { watch } from '../nats/watch.js'
import { withCaller } from '../caller-stack.js'
import { listen, unlisten } from './abort.js'
import { Backoff } from './backoff.js'
import { Call } from './call.js'
import type { Argument, CallOwner } from './call-owner.js'
import { ConnectionError, connectionRefused } from '../errors.js'
import { MapRun } from './map.js'
import type { Reply } from './reply.js'
import { clientHeaders } from './outgoing.js'
import { Suspects } from './suspects.js'
import { Watcher } from './watcher.js'
import { type RemoteFunctions, functionsOf } from '../functions-of.js'
import { OftenEmptySet } from '../often-empty.js'
import { writeArgument } from '../protocol/payload.js'
import { Subjects } from '../protocol/subjects.js'
import {
  type CallOptions,
  type ClientOptions,
  type FilledCallOptions,
  type FilledClientOptions,
  type MapOptions,
  fillCallOptions,
  fillClientOptions,
  fillMapOptions,
} from '../client-options.js'

/** Clients need no queue group: what has one in its subject is between executors. */
const NO_QUEUE = ''
const CLOSED = 'the client was closed'
/** On closing, for what is on its way to a server that does not answer, in milliseconds. */
const FAREWELL_MS = 1000

export class ExecutorClient implements AsyncDisposable {
  readonly service: string
  readonly #options: FilledClientOptions
  readonly #closing = new AbortController()
  readonly #calls = new OftenEmptySet<Call>()
  readonly #watcher: Watcher
  readonly #backoff = new Backoff(this.#calls)
  readonly #suspects = new Suspects()
  #nc: NatsConnection | undefined
  #inbox: Inbox | undefined
  #isUp = false
  /** It is known that there is no connection, and none was made since. */
  #isServerMissing = false
  /** Why, as far as a server has said it. */
  #reason: NatsError | undefined
  #connecting: Promise<unknown> | undefined
  #up: Deferred<void> | undefined
  #closed: Promise<void> | undefined
  readonly #owner: CallOwner
  /** Those of a call without any. */
  readonly #callOptions: FilledCallOptions

  /**
   * Connects with the first call.
   * @throws {TypeError} for an option of the wrong type or name
   * @throws {RangeError} for one that is out of range
   */
  constructor(options: ClientOptions = {}) {
    this.#options = fillClientOptions(options)
    this.service = this.#options.service
    this.#callOptions = fillCallOptions({}, this.#options)
    const { key = nanoid(), prefix } = this.#options
    const inbox = () => (this.#isUp ? this.#inbox : undefined)
    const subjects = new Subjects(prefix, NO_QUEUE, this.service)
    this.#watcher = new Watcher(subjects, key, inbox, () => this.#calls.size === 0)
    this.#owner = {
      service: this.service,
      get inbox() {
        return inbox()
      },
      connection: () => this.#connection(),
      headers: clientHeaders(key),
      watcher: this.#watcher,
      suspects: this.#suspects,
      backoff: this.#backoff,
      whoIsMissing: () => this.#whoIsMissing(),
      settled: call => this.#settled(call),
    }
  }

  /**
   * Has `argument` computed by an executor and resolves with the result.
   * @param argument anything that JSON can say, or bytes, a `Uint8Array`; or nothing
   * @throws {RequestError} one of its subclasses: what the executor answered, or why there is no answer
   * @throws {TypeError} when JSON cannot say the argument, or an option is of the wrong type or name
   * @throws {RangeError} when an option is out of range
   */
  call<Result = unknown>(argument?: unknown, options?: CallOptions): Promise<Result> {
    return withCaller(this.#send(argument, options, false)) as Promise<Result>
  }

  /** As `call`, and resolves with the request's id and who computed it beside the result. */
  request<Result = unknown>(argument?: unknown, options?: CallOptions): Promise<Reply<Result>> {
    return withCaller(this.#send(argument, options, true)) as Promise<Reply<Result>>
  }

  /** `isWhole`: resolves with the whole reply, not with the result alone. */
  #send(argument: unknown, options: CallOptions | undefined, isWhole: boolean): Promise<unknown> {
    try {
      const filled = options === undefined ? this.#callOptions : fillCallOptions(options, this.#options)
      // A spread takes a microsecond.
      const { body, isBytes } = writeArgument(argument)
      return this.#request({ body, isBytes, batchSize: 0, deaths: 0, tries: 0 }, filled, isWhole)
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
    const filled = fillMapOptions(options, this.#options)
    return new MapRun(
      source,
      filled,
      (argument, callOptions) => this.#request(argument, callOptions, true) as Promise<Reply>,
      this.#closing.signal,
    )
  }

  /**
   * The service's functions as a module exports them: with `const images = client.functions<typeof import('./images.mjs')>()`, which loads
   * nothing, `images.resize(argument, options)` is a call, and `images.resize.request` and `images.resize.map` are as here.
   */
  functions<Module = Record<string, (argument?: any) => any>>(): RemoteFunctions<Module> {
    return functionsOf<Module>(this)
  }

  #request(argument: Argument, options: FilledCallOptions, isWhole: boolean): Promise<unknown> {
    const call = new Call(this.#owner, options.requestId ?? nanoid(), argument, options, isWhole)
    const { signal } = options
    if (this.#closing.signal.aborted) call.close(CLOSED)
    else if (signal?.aborted) call.cancel(signal.reason)
    else {
      this.#calls.add(call)
      listen(signal, call)
      this.#watcher.start()
      call.start()
    }
    return call.done
  }

  /**
   * Whom calls wait for, as far as that is known: `no nats-server at …`, `no executor on …`, or why a server takes no connection.
   * Undefined if no call is under way, or if somebody is there for one of them.
   */
  get missing(): string | undefined {
    const isKnown =
      this.#isServerMissing ||
      [...this.#calls].every(({ obstacles, isDeserted }) => obstacles.hasFoundNobody || isDeserted)
    return this.#calls.size > 0 && isKnown ? this.#whoIsMissing() : undefined
  }

  /**
   * Ends what is under way with a `CancelledError`, here and (unless it is detached) at the executors, and closes the
   * connection if it is this client's own. A second call returns the same promise.
   */
  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  /** Closes, at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close() {
    this.#closing.abort(new Error(CLOSED))
    for (const call of this.#calls) call.close(CLOSED)
    await this.#watcher.close()
    await this.#connecting?.catch(() => {})
    this.#inbox?.close()
    if (this.#nc && this.#inbox?.isOwn) await closeWithin(this.#nc, FAREWELL_MS)
  }

  async #connect() {
    const { connection, inboxPrefix } = this.#options
    const isOwn = !isConnection(connection)
    const own = { name: `client ${this.service}`, ...(inboxPrefix !== undefined && { inboxPrefix }) }
    const notYet = (reason: NatsError) => {
      this.#isServerMissing = true
      this.#reason = reason
    }
    const nc = isOwn
      ? await open(connection, own, this.#closing.signal, notYet).catch(cause => {
          throw connectionRefused(serversOf(connection), cause)
        })
      : connection
    this.#nc = nc
    const refusals = { said: (text: string) => this.#heard(text), dialled: () => (this.#reason = undefined) }
    const inbox = (this.#inbox = new Inbox(nc, isOwn, inboxPrefix, refusals))
    const set = (isThere: boolean) => {
      this.#isUp = isThere
      this.#isServerMissing = !isThere
      this.#reason = undefined
    }
    // One of somebody else may have lost its server.
    set(isUp(nc))
    const tell = (isThere: boolean) => {
      set(isThere)
      if (!isThere) return
      this.#watcher.reconnected()
      this.#up?.resolve()
    }
    const from = performance.now()
    if (this.#isUp)
      nc.flush().then(
        () => this.#watcher.connected(performance.now() - from),
        () => {},
      )
    void watch(nc, tell, this.#closing.signal).then(cause => {
      this.#isUp = false
      inbox.close()
      const error = new ConnectionError(`the connection was closed${cause ? `: ${cause.message}` : ''}`, { cause })
      for (const call of this.#calls) call.fail(error)
      this.#up?.reject(error)
      this.#nc = this.#connecting = undefined
    })
  }

  /** What a server says against the connection is said to whoever asks why there is none, or to the process. */
  #heard(text: string) {
    const isKnown = this.#reason?.message === text
    this.#reason = takesNone(text)
    if (this.#isUp && !isKnown) process.emitWarning(`the nats-server says: ${text}`)
  }

  async #connection() {
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

  #whoIsMissing() {
    const { connection = {} } = this.#options
    if (this.#isUp) return `no executor on ${this.service}`
    return noConnection(isConnection(connection) ? '' : ` at ${serversOf(connection)}`, this.#reason)
  }

  #settled(call: Call) {
    unlisten(call.options.signal, call)
    this.#calls.delete(call)
    this.#backoff.forget(call)
    this.#suspects.over(call)
    if (call.isSent && this.#isUp && !this.#closing.signal.aborted) this.#backoff.letIn()
  }
}
