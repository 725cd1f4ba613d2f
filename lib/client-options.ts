// The options of a client, a call and a map: their defaults, and the checks where they enter.
import {
  checkId,
  checkInteger,
  checkNames,
  checkPrefix,
  checkRetries,
  checkSubject,
  checkTimeout,
  defined,
  expected,
  withoutUndefined,
} from './check-options.js'
import { checkOverlaps } from './check-overlaps.js'
import type { ConnectionChoice, FilledConnection } from './connection-choice.js'
import { checkConnection, inboxPrefixOf } from './nats/connection-options.js'
import type { State } from './client/watch.js'
import { MAX_BATCH_SIZE } from './protocol/batch.js'
import { isReserved } from './protocol/headers.js'
import { userLines } from './protocol/raw-headers.js'
import { MAX_PRIORITY } from './protocol/request.js'
import { DEFAULT_PREFIX, isFunctionName } from './protocol/subjects.js'

export interface ClientOptions extends ConnectionChoice {
  /**
   * How long a call waits for its answer, in milliseconds, unless the call says otherwise.
   * @default 60_000
   */
  timeout?: number | undefined
  /**
   * How often a request that was lost with its executor is sent again; 0 is at most once.
   * @default Infinity
   */
  retries?: number | undefined
  /**
   * What the subjects of replies begin with: where each client has its own, none may read those of others. Executors have
   * to allow it.
   * @default that of the connection, '_INBOX'
   */
  inboxPrefix?: string | undefined
  /**
   * A secret with which requests are sent: nobody asks for them, cancels or joins them without. Clients that have the same one
   * share requests of the same id. 1–64 letters, digits, `_` and `-`.
   * @default a random one
   */
  key?: string | undefined
}

export interface CallOptions {
  /**
   * The name of the export that is to compute it.
   * @default the default export of the service's module
   */
  function?: string | undefined
  /** Headers of your own, which the function sees: names and values as text. */
  headers?: Readonly<Record<string, string>> | undefined
  /** Called with what the function says of how far it is, ten times a second at most, until the call ends. */
  onProgress?: ((progress: any) => void) | undefined
  /** How long this call waits for its answer, in milliseconds. @default the client's */
  timeout?: number | undefined
  /** How often this request is sent again when it was lost; 0 is at most once. @default the client's */
  retries?: number | undefined
  /** Ends the call, and the computation, when it is aborted. */
  signal?: AbortSignal | undefined
  /**
   * Higher is computed earlier: a whole number from -1000 to 1000.
   * @default 0
   */
  priority?: number | undefined
  /**
   * The request's id, an idempotency key: while an executor has a request of the same id and argument, from a client of the same `key`,
   * or, if that took 100 ms or more, has answered it in the last two minutes, it is not computed again there. A client that is started
   * anew joins what it has asked for before if it was given the same `key`. 1–64 letters, digits, `_` and `-`.
   * @default a random one
   */
  requestId?: string | undefined
  /**
   * Whether it is computed even if this client dies or is closed.
   * @default false
   */
  detached?: boolean | undefined
}

export interface MapOptions extends Omit<CallOptions, 'requestId' | 'onProgress'> {
  /**
   * How long a request waits for its answer, in milliseconds, wherever it is.
   * @default for ever, while an executor has it or has no room for it; when nobody has, the client's `timeout`
   */
  timeout?: number | undefined
  /**
   * Higher is computed earlier: a whole number from -1000 to 1000.
   * @default -1, so that a flood of work does not hold up a person who waits
   */
  priority?: number | undefined
  /**
   * How many requests are under way at the same time: 1–10,000. `'auto'` follows the slots: 64, and of long work (100 ms or more)
   * about twice as many as are computed.
   * @default 'auto'
   */
  concurrency?: number | 'auto' | undefined
  /**
   * The most arguments a second that are sent, evenly; a batch has at most a tenth of them. More than 0. What is sent again since
   * it was lost does not count.
   * @default Infinity
   */
  limit?: number | undefined
  /**
   * How many arguments travel in one request: 1–10,000. `'auto'` finds out, so that a request is computed within a few
   * milliseconds: short ones travel by the hundred, long ones, large ones and bytes one by one.
   * @default 'auto'
   */
  batchSize?: number | 'auto' | undefined
  /**
   * Whether outcomes come in the order of the arguments, or else as they are there.
   * @default true
   */
  ordered?: boolean | undefined
}

export const CLIENT_DEFAULTS = {
  service: 'fibonacci',
  timeout: 60_000,
  retries: Infinity,
  prefix: DEFAULT_PREFIX,
}

export type FilledClientOptions = typeof CLIENT_DEFAULTS & Pick<ClientOptions, 'key' | 'inboxPrefix'> & FilledConnection

export function fillClientOptions(options: ClientOptions): FilledClientOptions {
  const filled = {
    ...CLIENT_DEFAULTS,
    ...defined(options, { ...CLIENT_DEFAULTS, inboxPrefix: 0, key: 0 }),
  } as FilledClientOptions
  filled.connection = checkConnection(filled.connection)
  checkSubject('service', filled.service)
  checkTimeout(filled.timeout)
  checkRetries(filled.retries)
  checkPrefix('prefix', filled.prefix)
  if (filled.inboxPrefix !== undefined) checkPrefix('inboxPrefix', filled.inboxPrefix)
  checkOverlaps({ ...filled, inboxPrefix: filled.inboxPrefix ?? inboxPrefixOf(filled.connection) })
  if (filled.key !== undefined) checkId('key', filled.key)
  return filled
}

export interface FilledCallOptions {
  timeout: number
  retries: number
  signal: AbortSignal | undefined
  priority: number
  requestId: string | undefined
  isDetached: boolean
  /** '' is the default export. */
  functionName: string
  /** Those of the user's, as text. */
  headerLines: string
  onProgress: ((progress: unknown) => void) | undefined
  /** Its timeout counts while nobody is there for it, from when somebody last was. */
  isPatient: boolean
  /** Told of each change of what an executor does with the request; `waiting` also if there was no room for it. */
  onState?: (state: State) => void
}

/** What holds unless a call says otherwise. */
export type CallDefaults = Pick<FilledClientOptions, 'timeout' | 'retries'>

export function fillCallOptions(
  options: CallOptions,
  client: CallDefaults,
  names: readonly string[] = CALL_OPTIONS,
): FilledCallOptions {
  checkNames(options, names)
  const { timeout = client.timeout, retries = client.retries, signal } = options
  const { priority = 0, requestId, detached = false, function: name, headers, onProgress } = options
  checkTimeout(timeout)
  checkRetries(retries)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new TypeError(expected('signal', 'an AbortSignal', signal))
  checkInteger('priority', priority, -MAX_PRIORITY, MAX_PRIORITY)
  if (requestId !== undefined) checkId('requestId', requestId)
  if (typeof detached !== 'boolean') throw new TypeError(expected('detached', 'a boolean', detached))
  if (name !== undefined && !isFunctionName(name))
    throw new RangeError(expected('function', 'a name of 1–64 letters, digits, "_", "$" or "-"', name))
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new TypeError(expected('onProgress', 'a function', onProgress))
  return {
    timeout,
    retries,
    signal,
    priority,
    requestId,
    isDetached: detached,
    isPatient: false,
    functionName: name === undefined || name === 'default' ? '' : name,
    headerLines: headers === undefined ? '' : headerLines(headers),
    onProgress,
  }
}

const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/
/** How many, and how many characters all together. */
const MAX_HEADERS = { count: 200, characters: 8192 }

function headerLines(headers: Readonly<Record<string, string>>): string {
  // Of a `Map`, or of `Headers`, nothing would be sent.
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers)
    throw new TypeError(expected('headers', 'an object of texts', headers))
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) throw new RangeError(`a header cannot be called ${JSON.stringify(name)}`)
    if (isReserved(name)) throw new RangeError(`the header ${name} is not for users: it belongs to the protocol`)
    if (typeof value !== 'string') throw new TypeError(expected(`headers[${JSON.stringify(name)}]`, 'a text', value))
    if (/[\r\n\0]/.test(value) || value !== value.trim())
      throw new RangeError(`the header ${name} has a line break, or white space around its value`)
  }
  const lines = userLines(headers)
  const { count, characters } = MAX_HEADERS
  const given = Object.keys(headers).length
  if (given > count) throw new RangeError(expected('headers', `${count} at most`, given))
  if (lines.length > characters)
    throw new RangeError(expected('headers', `${characters} characters at most`, `${lines.length} characters`))
  return lines
}

export const MAP_DEFAULTS = {
  concurrency: 'auto' as number | 'auto',
  batchSize: 'auto' as number | 'auto',
  ordered: true,
  limit: Infinity,
}

const COMMON_OPTIONS = ['function', 'headers', 'timeout', 'retries', 'signal', 'priority', 'detached']
const CALL_OPTIONS = [...COMMON_OPTIONS, 'onProgress', 'requestId']
const MAP_OPTIONS = [...COMMON_OPTIONS, ...Object.keys(MAP_DEFAULTS)]
/** So that a flood of work does not hold up a person who waits. */
const MAP_PRIORITY = -1

const LIMIT = 'a number greater than 0'

export type FilledMapOptions = typeof MAP_DEFAULTS & { call: FilledCallOptions }

export function fillMapOptions(options: MapOptions, client: CallDefaults): FilledMapOptions {
  const call = fillCallOptions(options, client, MAP_OPTIONS)
  call.priority = options.priority ?? MAP_PRIORITY
  call.isPatient = options.timeout === undefined
  const { concurrency, batchSize, ordered, limit } = options
  const filled = { ...MAP_DEFAULTS, ...withoutUndefined({ concurrency, batchSize, ordered, limit }), call }
  if (filled.concurrency !== 'auto') checkInteger('concurrency', filled.concurrency, 1, 10_000)
  if (filled.batchSize !== 'auto') checkInteger('batchSize', filled.batchSize, 1, MAX_BATCH_SIZE)
  if (typeof filled.ordered !== 'boolean') throw new TypeError(expected('ordered', 'a boolean', filled.ordered))
  if (typeof filled.limit !== 'number') throw new TypeError(expected('limit', LIMIT, filled.limit))
  if (!(filled.limit > 0)) throw new RangeError(expected('limit', LIMIT, filled.limit))
  return filled
}
