// Options: their defaults, and the checks where they enter.
import { type CheckedOptions, checkConnection } from './nats/connection-options.js'
import type { ConnectionOptions, NatsConnection } from './nats/nats.js'
import { parse, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MAX_BATCH_SIZE } from './protocol/batch.js'
import { MAX_PRIORITY } from './protocol/request.js'
import { DEFAULT_PREFIX, isId, isQueue, isSubject } from './protocol/subjects.js'

export interface ConnectionChoice {
  /**
   * A NATS connection, which stays yours to close; or URLs or options of nats.js for one that is then owned and closed here.
   * URLs are `nats://` or, for TLS only, `tls://`; they may have credentials, the same in all of them, percent-encoded:
   * `nats://user:password@host:4222`, `nats://token@host`. A server that says nothing for `timeout` (5000 ms) is given up.
   * @default process.env.NATS_URL, else 'nats://127.0.0.1:4222'
   */
  connection?: NatsConnection | ConnectionOptions | string | string[]
  /**
   * The subject of the requests.
   * @default 'fibonacci'
   */
  subject?: string
  /**
   * What the subjects begin with that executors, and clients beside their requests, use. The same for all of them.
   * @default '_EXEC'
   */
  prefix?: string
}

export interface ExecutorOptions extends ConnectionChoice {
  /**
   * The queue group: each request reaches exactly one of its members. Letters, digits, `_` and `-`.
   * @default 'executors'
   */
  queue?: string
  /**
   * The module whose default export is the function: a path (from the working directory) or a URL.
   * @default the built-in fibonacci
   */
  module?: string | URL
  /**
   * The subject of the requests.
   * @default the name of the module's file without its ending: 'fibonacci' for the built-in one
   */
  subject?: string
  /**
   * How many requests are computed at the same time: 1–1024.
   * @default 1
   */
  concurrency?: number
  /**
   * In how many processes, at most `concurrency`. With fewer, several requests share a process: for asynchronous functions, which
   * wait rather than compute.
   * @default `concurrency`
   */
  processes?: number
  /**
   * A process is replaced after so many requests; its successor is ready by then.
   * @default Infinity
   */
  maxRequests?: number
  /**
   * Options of Node for the processes that compute.
   * @default those of this process, so that loaders and hooks work
   */
  execArgv?: readonly string[]
  /**
   * The longest that one computation may take, in milliseconds.
   * @default 300_000
   */
  timeLimit?: number
  /**
   * The most memory of one process, in MiB: of V8's heap, and of all that is resident (on systems with /proc).
   * @default 1024
   */
  memoryLimit?: number
  /**
   * How many requests may wait here for a free slot; one more is answered with code 429.
   * @default 1000
   */
  backlog?: number
  /**
   * How many bytes the arguments of these may have together, and the copies that are kept for other executors; beyond it code 429.
   * @default 67_108_864 (64 MiB)
   */
  backlogBytes?: number
  /**
   * The deadline of a request that has none of its own, in milliseconds.
   * @default 600_000
   */
  longestWait?: number
  /**
   * What the inboxes of clients begin with: a message with another reply subject is dropped. `_R_` is what a server makes of the
   * inboxes of other accounts.
   * @default ['_INBOX', '_R_']
   */
  inboxPrefixes?: readonly string[]
  /**
   * On stopping, how long requests that are here may still be computed, in milliseconds; then all are ended and answered.
   * @default 30_000
   */
  drainTimeout?: number
  /**
   * Whether requests move between executors, from those that are busy to those that are free.
   * @default true
   */
  balance?: boolean
}

export interface ClientOptions extends ConnectionChoice {
  /**
   * How long a call waits for its answer, in milliseconds, unless the call says otherwise.
   * @default 60_000
   */
  timeout?: number
  /**
   * How often a request that was lost with its executor is sent again; 0 is at most once.
   * @default Infinity
   */
  retries?: number
  /**
   * What the subjects of replies begin with: where each client has its own, none may read those of others. Executors have
   * to allow it.
   * @default that of the connection, '_INBOX'
   */
  inboxPrefix?: string
  /**
   * A secret with which requests are sent: nobody asks for them, cancels or joins them without. Clients that have the same one
   * share requests of the same id. 1–64 letters, digits, `_` and `-`.
   * @default a random one
   */
  key?: string
}

export interface CallOptions {
  /** How long this call waits for its answer, in milliseconds. @default the client's */
  timeout?: number
  /** How often this request is sent again when it was lost; 0 is at most once. @default the client's */
  retries?: number
  /** Ends the call, and the computation, when it is aborted. */
  signal?: AbortSignal
  /**
   * Higher is computed earlier: a whole number from -1000 to 1000.
   * @default 0
   */
  priority?: number
  /**
   * The request's id, an idempotency key: while an executor has a request of the same id and argument, or has just answered it,
   * it is not computed again. 1–64 letters, digits, `_` and `-`.
   * @default a random one
   */
  requestId?: string
  /**
   * Whether it is computed even if this client dies or is closed.
   * @default false
   */
  detached?: boolean
}

export interface MapOptions extends Omit<CallOptions, 'requestId'> {
  /**
   * Higher is computed earlier: a whole number from -1000 to 1000.
   * @default -1, so that a flood of work does not hold up a person who waits
   */
  priority?: number
  /**
   * How many requests are under way at the same time: 1–10,000.
   * @default 64
   */
  concurrency?: number
  /**
   * How many arguments travel in one request: 1–10,000. `'auto'` finds out, so that a request is computed within a few
   * milliseconds: short ones travel by the hundred, long ones one by one.
   * @default 'auto'
   */
  batchSize?: number | 'auto'
  /**
   * Whether outcomes come in the order of the arguments, or else as they are there.
   * @default true
   */
  ordered?: boolean
}

/** The longest time that a timer of Node's takes, in milliseconds: almost 25 days. */
const MAX_MS = 2 ** 31 - 1

export const EXECUTOR_DEFAULTS = {
  queue: 'executors',
  module: new URL('functions/fibonacci.js', import.meta.url),
  concurrency: 1,
  maxRequests: Infinity,
  timeLimit: 300_000,
  memoryLimit: 1024,
  backlog: 1000,
  backlogBytes: 64 * 1024 * 1024,
  longestWait: 600_000,
  inboxPrefixes: ['_INBOX', '_R_'] as readonly string[],
  prefix: DEFAULT_PREFIX,
  drainTimeout: 30_000,
  balance: true,
}

export const CLIENT_DEFAULTS = {
  subject: 'fibonacci',
  timeout: 60_000,
  retries: Infinity,
  prefix: DEFAULT_PREFIX,
}

interface FilledConnection {
  connection: NatsConnection | CheckedOptions
}
export type FilledExecutorOptions = Omit<Required<ExecutorOptions>, 'connection' | 'module'> &
  FilledConnection & { /** A URL. */ module: string }
export type FilledClientOptions = typeof CLIENT_DEFAULTS & Pick<ClientOptions, 'key' | 'inboxPrefix'> & FilledConnection

export function fillExecutorOptions(options: ExecutorOptions): FilledExecutorOptions {
  const given = defined(options, { subject: 0, ...EXECUTOR_DEFAULTS, processes: 0, execArgv: 0 }) as ExecutorOptions
  const filled = { ...EXECUTOR_DEFAULTS, ...given }
  const connection = checkConnection(filled.connection)
  if (typeof filled.queue !== 'string' || !isQueue(filled.queue))
    throw new RangeError(expected('queue', '1–64 letters, digits, "_" or "-"', filled.queue))
  if (typeof filled.module !== 'string' && !((filled.module as unknown) instanceof URL))
    throw new TypeError(expected('module', "a module's path or URL", filled.module))
  checkInteger('concurrency', filled.concurrency, 1, 1024)
  const { processes = filled.concurrency, execArgv = inheritedExecArgv() } = given
  checkInteger('processes', processes, 1, filled.concurrency)
  if (filled.maxRequests !== Infinity) checkInteger('maxRequests', filled.maxRequests, 1, Number.MAX_SAFE_INTEGER)
  if (!Array.isArray(execArgv) || execArgv.some(word => typeof word !== 'string'))
    throw new TypeError(expected('execArgv', 'an array of strings', execArgv))
  checkNumber('timeLimit', filled.timeLimit, 1, MAX_MS)
  checkInteger('memoryLimit', filled.memoryLimit, 64, 1_048_576)
  checkInteger('backlog', filled.backlog, 0, 1_000_000)
  checkInteger('backlogBytes', filled.backlogBytes, 0, Number.MAX_SAFE_INTEGER)
  checkNumber('longestWait', filled.longestWait, 1, MAX_MS)
  if (
    !Array.isArray(filled.inboxPrefixes) ||
    filled.inboxPrefixes.length === 0 ||
    !filled.inboxPrefixes.every(isPrefix)
  )
    throw new TypeError(expected('inboxPrefixes', 'an array of subjects without wildcards', filled.inboxPrefixes))
  checkPrefix('prefix', filled.prefix)
  checkNumber('drainTimeout', filled.drainTimeout, 0, MAX_MS)
  if (typeof filled.balance !== 'boolean') throw new TypeError(expected('balance', 'a boolean', filled.balance))
  const module = moduleUrl(filled.module)
  const subject = given.subject ?? nameOf(module)
  checkSubject(subject)
  return { ...filled, connection, module, subject, processes, execArgv }
}

/** A path is one from the working directory. */
function moduleUrl(module: string | URL): string {
  if (module instanceof URL) return module.href
  return /^[a-z]+:/.test(module) && !/^[a-z]:[\\/]/i.test(module) ? module : pathToFileURL(resolve(module)).href
}

/** What a module is called unless its user says otherwise. */
function nameOf(module: string): string {
  if (module.startsWith('data:')) throw new TypeError('`subject` is needed: a data URL has no name')
  return parse(decodeURIComponent(new URL(module).pathname)).name.replace(/[^A-Za-z0-9_-]/g, '_')
}

/** The options of Node that this process has, but for those that are about it alone. */
const inheritedExecArgv = () =>
  process.execArgv.filter(
    (word, i, all) =>
      !/^(-e|--eval|-p|--print|-pe|--inspect|--watch|--test|--input-type|--max-old-space-size)/.test(word) &&
      !/^(-e|--eval|-p|--print|-pe)$/.test(all[i - 1] ?? ''),
  )

export function fillClientOptions(options: ClientOptions): FilledClientOptions {
  const filled = {
    ...CLIENT_DEFAULTS,
    ...defined(options, { ...CLIENT_DEFAULTS, inboxPrefix: 0, key: 0 }),
  } as FilledClientOptions
  filled.connection = checkConnection(filled.connection)
  checkSubject(filled.subject)
  checkTimeout(filled.timeout)
  checkRetries(filled.retries)
  checkPrefix('prefix', filled.prefix)
  if (filled.inboxPrefix !== undefined) checkPrefix('inboxPrefix', filled.inboxPrefix)
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
}

export function fillCallOptions(
  options: CallOptions,
  client: FilledClientOptions,
  names: readonly string[] = CALL_OPTIONS,
): FilledCallOptions {
  checkNames(options, names)
  const { timeout = client.timeout, retries = client.retries, signal } = options
  const { priority = 0, requestId, detached = false } = options
  checkTimeout(timeout)
  checkRetries(retries)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new TypeError(expected('signal', 'an AbortSignal', signal))
  checkInteger('priority', priority, -MAX_PRIORITY, MAX_PRIORITY)
  if (requestId !== undefined) checkId('requestId', requestId)
  if (typeof detached !== 'boolean') throw new TypeError(expected('detached', 'a boolean', detached))
  return { timeout, retries, signal, priority, requestId, isDetached: detached }
}

export const MAP_DEFAULTS = { concurrency: 64, batchSize: 'auto' as number | 'auto', ordered: true }

const COMMON_OPTIONS = ['timeout', 'retries', 'signal', 'priority', 'detached']
const CALL_OPTIONS = [...COMMON_OPTIONS, 'requestId']
const MAP_OPTIONS = [...COMMON_OPTIONS, ...Object.keys(MAP_DEFAULTS)]
/** So that a flood of work does not hold up a person who waits. */
const MAP_PRIORITY = -1

export type FilledMapOptions = typeof MAP_DEFAULTS & { call: FilledCallOptions }

export function fillMapOptions(options: MapOptions, client: FilledClientOptions): FilledMapOptions {
  const call = fillCallOptions(options, client, MAP_OPTIONS)
  call.priority = options.priority ?? MAP_PRIORITY
  const { concurrency, batchSize, ordered } = options
  const filled = { ...MAP_DEFAULTS, ...withoutUndefined({ concurrency, batchSize, ordered }), call }
  checkInteger('concurrency', filled.concurrency, 1, 10_000)
  if (filled.batchSize !== 'auto') checkInteger('batchSize', filled.batchSize, 1, MAX_BATCH_SIZE)
  if (typeof filled.ordered !== 'boolean') throw new TypeError(expected('ordered', 'a boolean', filled.ordered))
  return filled
}

function defined(options: object, defaults: object) {
  checkNames(options, ['connection', ...Object.keys(defaults)])
  return withoutUndefined(options)
}

/** A name that is none is an error, since a misspelt option would do nothing. */
function checkNames(options: object, names: readonly string[]) {
  if (options === null || typeof options !== 'object') throw new TypeError(expected('options', 'an object', options))
  for (const name of Object.keys(options))
    if (!names.includes(name)) throw new TypeError(`unknown option \`${name}\`; the options are ${names.join(', ')}`)
}

const withoutUndefined = (options: object) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

const checkTimeout = (ms: number) => checkNumber('timeout', ms, 1, MAX_MS)

function checkRetries(retries: number) {
  if (retries !== Infinity) checkInteger('retries', retries, 0, Number.MAX_SAFE_INTEGER)
}

function checkSubject(subject: unknown) {
  if (typeof subject !== 'string' || !isSubject(subject))
    throw new RangeError(expected('subject', 'a NATS subject without wildcards', subject))
}

/** The first tokens of a subject, where `$` is one as any other. */
const isPrefix = (value: unknown) => typeof value === 'string' && isSubject(value.replace(/^\$/, '_'))

function checkPrefix(name: string, prefix: unknown) {
  if (!isPrefix(prefix)) throw new RangeError(expected(name, 'a NATS subject without wildcards', prefix))
}

function checkId(name: string, id: unknown) {
  if (!isId(id)) throw new RangeError(expected(name, '1–64 letters, digits, "_" or "-"', id))
}

function checkInteger(name: string, value: unknown, least: number, most: number) {
  if (!Number.isInteger(value)) throw new TypeError(expected(name, `an integer from ${least} to ${most}`, value))
  checkNumber(name, value, least, most)
}

function checkNumber(name: string, value: unknown, least: number, most: number) {
  if (typeof value !== 'number') throw new TypeError(expected(name, `a number from ${least} to ${most}`, value))
  if (!(value >= least && value <= most)) throw new RangeError(expected(name, `from ${least} to ${most}`, value))
}

const expected = (name: string, what: string, got: unknown) =>
  `expected \`${name}\` to be ${what}, got ${typeof got === 'string' ? JSON.stringify(got) : String(got)}`
