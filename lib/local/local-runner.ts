// Slots of one's own as a client has the executors of others: the calls that are under way in them.
import { setTimeout as sleep } from 'node:timers/promises'
import { nanoid } from 'nanoid'
import { withCaller } from '../caller-stack.js'
import { listen, unlisten } from '../client/abort.js'
import type { Argument } from '../client/call-owner.js'
import { MapRun } from '../client/map.js'
import type { Reply } from '../client/reply.js'
import {
  CLIENT_DEFAULTS,
  type CallOptions,
  type FilledCallOptions,
  type MapOptions,
  fillCallOptions,
  fillMapOptions,
} from '../client-options.js'
import { type Caller, type RemoteFunctions, functionsOf } from '../functions-of.js'
import { writeArgument } from '../protocol/payload.js'
import type { Pool } from '../slots/pool.js'
import { LocalCall, type LocalCallOwner } from './local-call.js'

/** On closing, how long what is cancelled may take to end, and then user code in `onStop`, in milliseconds. */
const CLOSE_MS = { cancelled: 500, stopped: 2500 }
/** How often closing looks whether all is done, in milliseconds. */
const LOOK_MS = 5

const CLOSED = 'the runner was closed'

/** Made by `runLocally`. */
export class LocalRunner implements Caller, AsyncDisposable {
  readonly #owner: LocalCallOwner
  readonly #pool: Pool<LocalCall>
  readonly #calls = new Set<LocalCall>()
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined
  /** Why no slot works any more. */
  #broken: Error | undefined

  constructor(service: string, pool: Pool<LocalCall>) {
    this.#pool = pool
    this.#owner = { service, pool, settled: call => this.#settled(call) }
  }

  /** As `call` of a client: computes `argument` in a slot and resolves with the result. */
  call<Result = unknown>(argument?: unknown, options?: CallOptions): Promise<Result> {
    return withCaller(this.#send<Result>(argument, options).then(({ result }) => result))
  }

  /** As `call`, and resolves with the request's id beside the result. */
  request<Result = unknown>(argument?: unknown, options?: CallOptions): Promise<Reply<Result>> {
    return withCaller(this.#send<Result>(argument, options))
  }

  /** As `map` of a client: computes many arguments, and gives what came of each: its result or its error. */
  map<Item, Result = unknown>(
    source: Iterable<Item> | AsyncIterable<Item>,
    options: MapOptions = {},
  ): MapRun<Item, Result> {
    const send = (argument: Argument, filled: FilledCallOptions) => this.#request(argument, filled)
    return new MapRun(source, fillMapOptions(options, CLIENT_DEFAULTS), send, this.#closing.signal)
  }

  /** As `functions` of a client: the functions of the module, with its types. */
  functions<Module = Record<string, (argument?: any) => any>>(): RemoteFunctions<Module> {
    return functionsOf<Module>(this)
  }

  /**
   * Ends what is under way with a `CancelledError`, lets user code stop (`onStop`) and ends all processes. A second call returns the same
   * promise.
   */
  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  /** Closes, at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** No slot works, nor will. */
  fail(error: Error) {
    this.#broken = error
    for (const call of this.#calls) call.fail(error)
  }

  async #send<Result>(argument: unknown, options: CallOptions = {}): Promise<Reply<Result>> {
    const filled = fillCallOptions(options, CLIENT_DEFAULTS)
    const whole = { ...writeArgument(argument), batchSize: 0, deaths: 0, tries: 0 }
    return (await this.#request(whole, filled)) as Reply<Result>
  }

  #request(argument: Argument, options: FilledCallOptions): Promise<Reply> {
    const call = new LocalCall(this.#owner, options.requestId ?? nanoid(), argument, options)
    const { signal } = options
    if (this.#closed) call.close(CLOSED)
    else if (this.#broken) call.fail(this.#broken)
    else if (signal?.aborted) call.cancel(signal.reason)
    else {
      this.#calls.add(call)
      listen(signal, call)
      call.start()
    }
    return call.done
  }

  #settled(call: LocalCall) {
    unlisten(call.options.signal, call)
    this.#calls.delete(call)
  }

  async #close() {
    this.#closing.abort(new Error(CLOSED))
    // All at once: one by one it takes long.
    this.#pool.releaseAll()
    for (const call of this.#calls) call.close(CLOSED)
    const until = performance.now() + CLOSE_MS.cancelled
    // What listens to its signal ends without its process, which then stops in order.
    while (this.#pool.size > 0 && performance.now() < until) await sleep(LOOK_MS)
    await this.#pool.close(CLOSE_MS.stopped)
  }
}
