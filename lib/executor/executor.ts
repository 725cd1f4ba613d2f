// An executor: it joins the queue group of its subject, and answers what its slots compute.
//
// States: new → starting (the function is loaded, then the connection opened) → running → stopping → stopped. While running it is a
// member of the group as long as it has a slot that works.
import { EventEmitter } from 'node:events'
import { basename } from 'node:path'
import { nanoid } from 'nanoid'
import { type CheckedOptions, isConnection } from '../nats/connection-options.js'
import { isOpen, isUp, within } from '../nats/connection.js'
import { withCaller } from '../caller-stack.js'
import { deferred } from '../deferred.js'
import type { NatsConnection } from '../nats/nats.js'
import { watch } from '../nats/watch.js'
import { type ExecutorOptions, type FilledExecutorOptions, fillExecutorOptions } from '../executor-options.js'
import { checkModule, notLoaded, warnWhenSlow } from '../slots/loading.js'
import type { PoolOwner } from '../slots/pool-owner.js'
import type { Pool } from '../slots/pool.js'
import type { Desk } from './desk.js'
import { FAREWELL_MS, STOPPED, drain } from './drain.js'
import type { ExecutorEvents } from './events.js'
import type { Job } from './job.js'
import { joinDeaf } from './neighbours.js'
import { openOwn } from './own-connection.js'
import { Post } from './post.js'
import { Rights } from './rights.js'
import { Teller } from './teller.js'

const DEAF = 'another executor shares this connection, which has noEcho: requests do not move between them'

export class Executor extends EventEmitter<ExecutorEvents> {
  /** The ADR-32 instance id, also the `Executor-Id` of its replies. */
  readonly id = nanoid()
  readonly service: string
  readonly #options: FilledExecutorOptions
  readonly #given: NatsConnection | undefined
  readonly #abort = new AbortController()
  readonly #tell = new Teller<ExecutorEvents>(this)
  readonly #closed = deferred<Error | undefined>()
  readonly #loaded = deferred<void>()
  readonly #watching = new AbortController()
  #nc: NatsConnection | undefined
  #pool!: Pool<Job>
  #desk: Desk | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #isWorking = true
  #slowReload: NodeJS.Timeout | undefined
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
    this.service = this.#options.service
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

  /** The subjects of its functions, once it has started. */
  get subjects(): string[] {
    return this.#desk?.subjects ?? []
  }

  /**
   * Loads the function, connects and joins the queue group; waits for a server for ever. A second call returns the same promise.
   * @throws {ConnectionError} if the server refuses the connection
   * @throws if the function cannot be loaded, the server does not allow the subject, or the executor was stopped
   */
  start(): Promise<void> {
    if (this.#stopping) return Promise.reject(new Error('the executor was stopped: make a new one'))
    return (this.#starting ??= withCaller(this.#start()))
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

  /**
   * Loads the module anew, with all that it imports. When that is done, requests are computed by the new code; what runs is finished by
   * the old one. A call while another one is under way ends that loading and begins anew; both end as the newest does.
   * @throws if it cannot be loaded: then the old code goes on; or if the executor has not been started, or is stopped
   */
  async reload(): Promise<void> {
    this.#throwIfStopped()
    if (!this.#starting) throw new Error('the executor was not started')
    // Nothing is loaded yet: what will be is new.
    if (!(this.#pool as Pool<Job> | undefined)) return this.#unlessStopped(this.#loaded)
    // What is given up for this is not waited for any more.
    clearTimeout(this.#slowReload)
    const slow = (this.#slowReload = this.#warnWhenSlow())
    try {
      await this.#pool.reload()
    } catch (error) {
      this.#throwIfStopped()
      throw notLoaded(this.#options.moduleName, error as Error)
    } finally {
      clearTimeout(slow)
    }
  }

  async #start() {
    const { service, module } = this.#options
    const { slots, desks } = await this.#loadParts()
    const title = `nats-executor slot ${service} ${this.id} ${basename(module)}`
    const reportImports = this.listenerCount('imported') > 0
    const slow = this.#warnWhenSlow()
    this.#pool = new slots.Pool({ ...this.#options, title, reportImports }, this.#poolOwner)
    try {
      // A function that cannot be loaded is known before anybody hears of this executor.
      await this.#unlessStopped(this.#loaded)
      clearTimeout(slow)
      this.#nc = await this.#connect()
      this.#throwIfStopped()
      await this.#serve(this.#nc, desks.Desk)
    } catch (error) {
      clearTimeout(slow)
      this.#abort.abort()
      await this.#pool.close()
      // A connection that stays open must not keep what is of no use.
      if (this.#desk) await within(this.#desk.close(), FAREWELL_MS.drained)
      if (!this.#given && this.#nc) await within(this.#nc.close(), FAREWELL_MS.drained)
      this.#watching.abort()
      this.#closed.resolve(undefined)
      throw error
    }
    this.#tell.emit('ready')
  }

  async #loadParts() {
    const { module, moduleName } = this.#options
    try {
      checkModule(module, moduleName)
      // Not before: a process of clients alone does without them, and with 8 MB of old objects, not more, V8 leaves its memory alone.
      const [slots, desks] = await Promise.all([import('../slots/pool.js'), import('./desk.js')])
      this.#throwIfStopped()
      return { slots, desks }
    } catch (error) {
      this.#loaded.reject(error)
      this.#closed.resolve(undefined)
      throw error
    }
  }

  #warnWhenSlow() {
    return warnWhenSlow(this.#options.moduleName, text => this.#tell.emit('warning', text))
  }

  async #serve(nc: NatsConnection, DeskClass: typeof Desk) {
    const options = this.#options
    const post: Post = new Post(nc, !this.#given, options.inboxPrefixes, message => this.#desk!.dropped(message))
    const desk = (this.#desk = new DeskClass({
      executorId: this.id,
      options,
      post,
      pool: this.#pool,
      tell: this.#tell,
    }))
    const inboxes = options.inboxPrefixes.map(prefix => `${prefix}.${this.id}`)
    const { inboxPrefixes } = post
    const needs = { ...desk.needs, inboxPrefixes, publishes: [...desk.needs.publishes, ...inboxes] }
    const rights = new Rights(post, needs, this.#watching.signal, text => this.#tell.emit('warning', text))
    desk.start()
    const group = [options.prefix, options.queue, options.service].join(' ')
    if (options.balance && joinDeaf(nc, group, this.#watching.signal)) this.#tell.emit('warning', DEAF)
    if (!isUp(nc)) {
      desk.connected(false)
      this.#tell.emit('warning', 'no nats-server yet')
    }
    // While it waited for a server all slots may have ended.
    if (!this.#isWorking) this.#tellWorking()
    await rights.check(() => this.#throwIfStopped())
  }

  #throwIfStopped() {
    if (this.#stopping) throw this.#error ?? new Error(STOPPED)
  }

  /** Rejects when the executor is told to stop meanwhile. */
  #unlessStopped<Value>(promise: Promise<Value>): Promise<Value> {
    const { signal } = this.#abort
    const stopped = new Promise<never>((_, reject) => {
      signal.throwIfAborted()
      signal.addEventListener('abort', () => reject(new Error(STOPPED)), { once: true })
    })
    return Promise.race([promise, stopped])
  }

  async #connect(): Promise<NatsConnection> {
    const { connection, service } = this.#options
    const { signal } = this.#abort
    const warn = (text: string) => this.#tell.emit('warning', text)
    const nc =
      this.#given ??
      (await openOwn(connection as CheckedOptions, service, signal, warn).catch(cause => {
        throw signal.aborted ? (this.#error ?? new Error(STOPPED, { cause })) : cause
      }))
    const tell = (isThere: boolean) => {
      if (this.#canSend) this.#desk?.connected(isThere)
      this.#tell.emit('warning', isThere ? 'connected again' : 'connection lost')
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

  readonly #poolOwner: PoolOwner<Job> = {
    started: job => this.#desk?.started(job),
    ended: outcome => this.#desk?.ended(outcome),
    interrupted: (job, text) => this.#desk?.interrupted(job, text),
    progressed: (job, body) => this.#desk?.progressed(job, body),
    argumentFailed: ({ id, functionName }, index, code, error, trace) =>
      this.#tell.emit('failed', { requestId: `${id}.${index}`, functionName, code, error, computeMs: 0, ...trace }),
    ready: () => this.#loaded.resolve(),
    changed: () => this.#desk?.changed(),
    imported: file => this.#tell.emit('imported', file),
    output: output => this.#tell.emit('output', output),
    warning: text => this.#tell.emit('warning', text),
    failed: error => {
      // Before, `start` rejects with it. A signal to all processes ends those that are just starting, and nobody needs them any more.
      if (this.#nc && !(this.#stopping && this.#isWorking))
        this.#tell.emit('warning', `a slot has failed to start: ${error.message}`)
      this.#loaded.reject(notLoaded(this.#options.moduleName, error))
    },
    isWorking: isWorking => {
      this.#isWorking = isWorking
      this.#tellWorking()
    },
    hopeless: error => this.#fail(new Error(`no slot has worked for a minute: ${error.message}`)),
  }

  #tellWorking() {
    const isWorking = this.#isWorking
    if (!this.#canSend || !this.#desk || this.#stopping) return
    this.#tell.emit('warning', isWorking ? 'a slot works again' : 'no slot works: this executor takes no requests')
    void this.#desk.isWorking(isWorking)
  }

  async #stop() {
    const { drainTimeout } = this.#options
    const until = performance.now() + drainTimeout
    // Without a connection there is nothing to drain, and starting must end.
    if (!this.#nc) this.#abort.abort()
    await this.#starting?.catch(() => {})
    if (this.#nc && this.#desk) {
      const { running, waiting } = this.#pool
      const { delivering } = this.#desk
      this.#tell.emit('stopping', { computing: running.length, waiting, delivering, drainTimeout })
      const parts = { nc: this.#nc, desk: this.#desk, pool: this.#pool, signal: this.#abort.signal }
      await drain({ ...parts, leave: () => this.#leave() }, until)
    }
    this.#closed.resolve(this.#error)
  }

  async #leave() {
    this.#watching.abort()
    if (!this.#given) await this.#nc!.close()
  }
}
