// Asks the executors of a service, or of all, what they are and do.
//
// A question goes to all at once, and nobody knows how many answer: it ends when none has answered for a moment. The connection is opened
// by the first question and kept, until `close`.
import { setTimeout as sleep } from 'node:timers/promises'
import { checkNames, checkPrefix, checkSubject, checkTimeout, withoutUndefined } from '../check-options.js'
import type { ConnectionChoice, FilledConnection } from '../connection-choice.js'
import { ConnectionError, connectionRefused } from '../errors.js'
import { type CheckedOptions, checkConnection, isConnection } from '../nats/connection-options.js'
import { closeWithin, isUp, open, serversOf, within } from '../nats/connection.js'
import { Inbox } from '../nats/inbox.js'
import { ErrorCode, type Msg, type NatsConnection, type NatsError } from '../nats/nats.js'
import { serviceName } from '../protocol/subjects.js'
import { type ExecutorStatus, readStatus } from './executor-status.js'

export interface ObserverOptions extends Pick<ConnectionChoice, 'connection'> {
  /**
   * The service: the subject of its requests.
   * @default all services
   */
  service?: string
  /**
   * What the subjects of answers begin with.
   * @default that of the connection, '_INBOX'
   */
  inboxPrefix?: string
  /**
   * How long to wait for a server, and then for answers, in milliseconds. When some have come and no more for 300 ms, it is over earlier.
   * @default 2000
   */
  timeout?: number
}

const DEFAULTS = { timeout: 2000 }
/** Whether the server is back. */
const LOOK_MS = 50
/** After an answer. */
const SILENCE_MS = 300
/** No more are listened to. */
const MOST = 10_000
/** On closing, in milliseconds. */
const FAREWELL_MS = 500

export class Observer implements AsyncDisposable {
  readonly #options: Omit<ObserverOptions, 'connection'> & typeof DEFAULTS & FilledConnection
  readonly #closing = new AbortController()
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
  async executors(): Promise<ExecutorStatus[]> {
    const { service } = this.#options
    if (this.#closing.signal.aborted) throw new ConnectionError('the observer was closed')
    const { nc, inbox } = await this.#connected()
    await this.#whenUp(nc)
    const answers = await this.#ask(inbox).catch(error => {
      throw isUp(nc) ? new ConnectionError((error as Error).message, { cause: error }) : this.#noServer(error)
    })
    // Or there is nobody to say that there is none.
    if (answers === 'none' && !(isUp(nc) && (await within(nc.flush(), this.#options.timeout)))) throw this.#noServer()
    const found = new Map<string, ExecutorStatus>()
    for (const text of Array.isArray(answers) ? answers : []) {
      const status = readStatus(text)
      if (status && (service === undefined || status.service === service)) found.set(status.id, status)
    }
    return [...found.values()].toSorted(
      (a, b) => compare(a.service, b.service) || compare(a.host, b.host) || a.pid - b.pid,
    )
  }

  #ask(inbox: Inbox): Promise<string[] | 'nobody' | 'none'> {
    const { service, timeout } = this.#options
    return new Promise((resolve, reject) => {
      const answers: string[] = []
      let token = ''
      const end = (nobody: 'nobody' | 'none' = 'none') => {
        clearTimeout(timer)
        inbox.forget(token)
        resolve(answers.length > 0 ? answers : nobody)
      }
      let timer = setTimeout(end, timeout)
      const onReply = (message: Msg) => {
        clearTimeout(timer)
        timer = setTimeout(end, SILENCE_MS)
        if (answers.push(message.string()) === MOST) end()
      }
      const onFailure = (error: NatsError) => {
        if (error.code !== ErrorCode.NoResponders) reject(error)
        end('nobody')
      }
      const subject = service === undefined ? '$SRV.STATS' : `$SRV.STATS.${serviceName(service)}`
      token = inbox.send({ subject, onReply, onFailure }, '')
    })
  }

  /** Closes the connection if it is its own. */
  async close(): Promise<void> {
    this.#closing.abort()
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
    return { nc, inbox: new Inbox(nc, isOwn, inboxPrefix) }
  }

  async #open(connection: CheckedOptions): Promise<NatsConnection> {
    const { service, inboxPrefix, timeout } = this.#options
    const own = { name: `observer ${service ?? ''}`.trim(), ...(inboxPrefix !== undefined && { inboxPrefix }) }
    const patience = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeout)])
    try {
      return await open(connection, own, patience)
    } catch (error) {
      throw patience.aborted ? this.#noServer(error) : connectionRefused(serversOf(connection), error as Error)
    }
  }

  /** It may be about to be back. */
  async #whenUp(nc: NatsConnection) {
    for (const until = performance.now() + this.#options.timeout; !isUp(nc); await sleep(LOOK_MS))
      if (performance.now() > until || nc.isClosed()) throw this.#noServer()
  }

  #noServer(cause?: unknown) {
    const { connection } = this.#options
    return new ConnectionError(`no nats-server${isConnection(connection) ? '' : ` at ${serversOf(connection)}`}`, {
      cause,
    })
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
