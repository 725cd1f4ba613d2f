// Asks the executors of a service, or of all, what they are and do.
//
// A question goes to all at once, and nobody knows how many answer: it ends when none has answered for a moment, and at the latest after
// `timeout`, since strangers may answer for ever. The connection is opened by the first question and kept, until `close`; if it was closed
// by a server that refuses it, the next question opens another one.
import { setTimeout as sleep } from 'node:timers/promises'
import { withCaller } from '../caller-stack.js'
import { checkNames, checkPrefix, checkSubject, checkTimeout, withoutUndefined } from '../check-options.js'
import type { ConnectionChoice, FilledConnection } from '../connection-choice.js'
import { type Deferred, deferred } from '../deferred.js'
import { ConnectionError, connectionRefused } from '../errors.js'
import { type CheckedOptions, checkConnection, isConnection } from '../nats/connection-options.js'
import { closeWithin, isOpen, isUp, open, serversOf, within } from '../nats/connection.js'
import { Inbox } from '../nats/inbox.js'
import { noConnection, takesNone } from '../nats/refusals.js'
import { ErrorCode, type Msg, type NatsConnection, type NatsError } from '../nats/nats.js'
import { serviceName } from '../protocol/subjects.js'
import { type ExecutorStatus, readStatus } from './executor-status.js'

export interface ObserverOptions extends Pick<ConnectionChoice, 'connection'> {
  /**
   * The service: the subject of its requests.
   * @default all services
   */
  service?: string | undefined
  /**
   * What the subjects of answers begin with.
   * @default that of the connection, '_INBOX'
   */
  inboxPrefix?: string | undefined
  /**
   * How long to wait for a server, and then for answers, in milliseconds. When some have come and no more for 300 ms, it is over earlier.
   * @default 2000
   */
  timeout?: number | undefined
}

const DEFAULTS = { timeout: 2000 }
/** Whether the server is back. */
const LOOK_MS = 50
/** After an answer. */
const SILENCE_MS = 300
/** No more executors are listened to. */
const MOST = 10_000
/** On closing, in milliseconds. */
const FAREWELL_MS = 500

export class Observer implements AsyncDisposable {
  readonly #options: Omit<ObserverOptions, 'connection'> & typeof DEFAULTS & FilledConnection
  readonly #closing = new AbortController()
  /** Those that wait for answers. */
  readonly #questions = new Set<Deferred<void>>()
  /** Why there is no connection any more, as far as a server has said it. */
  #reason: NatsError | undefined
  #connecting: Promise<{ nc: NatsConnection; inbox: Inbox }> | undefined

  /**
   * Connects with the first question.
   * @throws {TypeError} for an option of the wrong type or name
   * @throws {RangeError} for one that is out of range
   */
  constructor(options: ObserverOptions = {}) {
    checkNames(options, ['connection', 'service', 'inboxPrefix', 'timeout'])
    const { connection, ...others } = { ...DEFAULTS, ...withoutUndefined(options) } as ObserverOptions & typeof DEFAULTS
    checkTimeout(others.timeout)
    if (others.service !== undefined) checkSubject('service', others.service)
    if (others.inboxPrefix !== undefined) checkPrefix('inboxPrefix', others.inboxPrefix)
    this.#options = { ...others, connection: checkConnection(connection) }
  }

  /**
   * What executors say of themselves, by service, host and process; an empty list if there are none. One that is very busy may be missing.
   * @throws {ConnectionError} if there is no server, or if it refuses the connection or the question
   */
  executors(): Promise<ExecutorStatus[]> {
    return withCaller(this.#find())
  }

  async #find() {
    this.#throwIfClosed()
    const { nc, inbox } = await this.#connected()
    await this.#whenUp(nc)
    const found = await this.#ask(inbox).catch(error => {
      this.#throwIfClosed()
      throw isUp(nc) && isOpen(nc)
        ? new ConnectionError((error as Error).message, { cause: error })
        : this.#noServer(error)
    })
    // Or there is nobody to say that there is none.
    if (!found && !(isUp(nc) && (await within(nc.flush(), this.#options.timeout)))) throw this.#noServer()
    return (found ?? []).toSorted((a, b) => compare(a.service, b.service) || compare(a.host, b.host) || a.pid - b.pid)
  }

  /** Undefined if nobody says anything, not even that there is nobody. */
  async #ask(inbox: Inbox): Promise<ExecutorStatus[] | undefined> {
    const { service, timeout } = this.#options
    const found = new Map<string, ExecutorStatus>()
    const over = deferred<void>()
    let isAnswered = false
    let silence: NodeJS.Timeout | undefined
    const endIn = (ms: number) => {
      const until = performance.now() + ms
      // After a blocked event loop answers are there, and not read yet.
      return setTimeout(() => void inbox.catchUp(performance.now() - until).then(over.resolve), ms)
    }
    const onReply = (message: Msg) => {
      isAnswered = true
      clearTimeout(silence)
      silence = endIn(SILENCE_MS)
      const status = readStatus(message.string())
      if (status && (service === undefined || status.service === service)) found.set(status.id, status)
      if (found.size === MOST) over.resolve()
    }
    const onFailure = (error: NatsError) => {
      if (error.code !== ErrorCode.NoResponders) return over.reject(error)
      isAnswered = true
      over.resolve()
    }
    const latest = endIn(timeout)
    this.#questions.add(over)
    const subject = service === undefined ? '$SRV.STATS' : `$SRV.STATS.${serviceName(service)}`
    let token = ''
    try {
      token = inbox.send({ subject, onReply, onFailure }, '')
      await over
    } finally {
      clearTimeout(latest)
      clearTimeout(silence)
      inbox.forget(token)
      this.#questions.delete(over)
    }
    this.#throwIfClosed()
    return isAnswered ? [...found.values()] : undefined
  }

  /** Closes the connection if it is its own. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const question of this.#questions) question.resolve()
    const connected = await this.#connecting?.catch(() => undefined)
    connected?.inbox.close()
    if (connected?.inbox.isOwn) await closeWithin(connected.nc, FAREWELL_MS)
  }

  /** Closes, at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #connected() {
    this.#connecting ??= this.#connect()
    this.#connecting.catch(() => (this.#connecting = undefined))
    return this.#connecting
  }

  async #connect() {
    const { connection, inboxPrefix } = this.#options
    const isOwn = !isConnection(connection)
    const nc = isOwn ? await this.#open(connection) : connection
    const inbox = new Inbox(nc, isOwn, inboxPrefix, {
      said: text => (this.#reason = takesNone(text)),
      dialled: () => (this.#reason = undefined),
    })
    if (isOwn)
      void nc.closed().then(() => {
        inbox.close()
        this.#connecting = undefined
      })
    return { nc, inbox }
  }

  async #open(connection: CheckedOptions): Promise<NatsConnection> {
    const { service, inboxPrefix, timeout } = this.#options
    const own = { name: `observer ${service ?? ''}`.trim(), ...(inboxPrefix !== undefined && { inboxPrefix }) }
    // Not by `AbortSignal.any`: Node 20 forgets its timers when it collects garbage.
    const patience = new AbortController()
    const end = () => patience.abort()
    const timer = setTimeout(end, timeout)
    this.#closing.signal.addEventListener('abort', end)
    try {
      return await open(connection, own, patience.signal)
    } catch (error) {
      this.#throwIfClosed()
      throw patience.signal.aborted ? this.#noServer(error) : connectionRefused(serversOf(connection), error as Error)
    } finally {
      clearTimeout(timer)
      this.#closing.signal.removeEventListener('abort', end)
    }
  }

  /** It may be about to be back. */
  async #whenUp(nc: NatsConnection) {
    for (const until = performance.now() + this.#options.timeout; !isUp(nc); await sleep(LOOK_MS)) {
      this.#throwIfClosed()
      if (performance.now() > until || nc.isClosed()) throw this.#noServer(this.#reason)
    }
    this.#throwIfClosed()
  }

  #throwIfClosed() {
    if (this.#closing.signal.aborted) throw new ConnectionError('the observer was closed')
  }

  #noServer(cause?: unknown) {
    const { connection } = this.#options
    const text = !isConnection(connection)
      ? noConnection(` at ${serversOf(connection)}`, cause)
      : isOpen(connection)
        ? 'no nats-server'
        : 'the connection was closed'
    return new ConnectionError(text, { cause })
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
