// The options of an executor: their defaults, and the checks where they enter.
import { checkInteger, checkNumber, checkPrefix, checkSubject, defined, expected, isPrefix } from './check-options.js'
import { checkOverlaps } from './check-overlaps.js'
import type { ConnectionChoice, FilledConnection } from './connection-choice.js'
import { readModule, serviceOf } from './module-url.js'
import { checkConnection, inboxPrefixOf } from './nats/connection-options.js'
import { MAX_MS } from './protocol/limits.js'
import { DEFAULT_INBOX_PREFIXES, DEFAULT_PREFIX, isId } from './protocol/subjects.js'
import { SLOT_DEFAULTS, type SlotOptions, checkSlotOptions } from './slot-options.js'

export interface ExecutorOptions extends ConnectionChoice, SlotOptions {
  /**
   * The queue group: each request reaches exactly one of its members. Letters, digits, `_` and `-`.
   * @default 'executors'
   */
  queue?: string | undefined
  /**
   * The module whose exports are served: its default export as the service, each other function as `<service>.<its name>`. A path
   * (from the working directory) or a URL.
   * @default the built-in fibonacci
   */
  module?: string | URL | undefined
  /**
   * The service: the subject of its requests.
   * @default the name of the module's file without its ending: 'fibonacci' for the built-in one
   */
  service?: string | undefined
  /**
   * How many requests may wait here for a free slot; one more is answered with code 429.
   * @default 1000
   */
  backlog?: number | undefined
  /**
   * How many bytes the arguments of these may have together, and the copies that are kept for other executors; beyond it code 429.
   * @default 67_108_864 (64 MiB)
   */
  backlogBytes?: number | undefined
  /**
   * The deadline of a request that has none of its own, in milliseconds.
   * @default 600_000
   */
  longestWait?: number | undefined
  /**
   * What the inboxes of clients begin with: a message with another reply subject is dropped. `_R_` is what a server makes of the
   * inboxes of other accounts.
   * @default ['_INBOX', '_R_']
   */
  inboxPrefixes?: readonly string[] | undefined
  /**
   * Whether clients get the stacks of what functions throw.
   * @default false
   */
  exposeStack?: boolean | undefined
  /**
   * On stopping, how long requests that are here may still be computed, in milliseconds; then all are ended and answered.
   * @default 30_000
   */
  drainTimeout?: number | undefined
  /**
   * Whether requests move between executors, from those that are busy to those that are free.
   * @default true
   */
  balance?: boolean | undefined
}

export const EXECUTOR_DEFAULTS = {
  queue: 'executors',
  /** Made when an executor is: bundled as CommonJS a program of clients alone has no URL of this file. */
  get module() {
    return new URL('functions/fibonacci.js', import.meta.url)
  },
  ...SLOT_DEFAULTS,
  backlog: 1000,
  backlogBytes: 64 * 1024 * 1024,
  longestWait: 600_000,
  inboxPrefixes: DEFAULT_INBOX_PREFIXES,
  prefix: DEFAULT_PREFIX,
  exposeStack: false,
  drainTimeout: 30_000,
  balance: true,
}

export type FilledExecutorOptions = Omit<Required<ExecutorOptions>, 'connection' | 'module'> &
  FilledConnection & {
    /** A URL. */
    module: string
    /** As its user has named it. */
    moduleName: string
  }
export function fillExecutorOptions(options: ExecutorOptions): FilledExecutorOptions {
  const given = defined(options, { service: 0, ...EXECUTOR_DEFAULTS, processes: 0, execArgv: 0 }) as ExecutorOptions
  const filled = { ...EXECUTOR_DEFAULTS, ...given }
  const connection = checkConnection(filled.connection)
  if (!isId(filled.queue)) throw new RangeError(expected('queue', '1–64 letters, digits, "_" or "-"', filled.queue))
  const { module, moduleName } = readModule(filled.module)
  const { processes, execArgv } = checkSlotOptions(filled)
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
  for (const name of ['exposeStack', 'balance'] as const)
    if (typeof filled[name] !== 'boolean') throw new TypeError(expected(name, 'a boolean', filled[name]))
  const service = given.service ?? serviceOf(module)
  checkSubject('service', service)
  checkOverlaps({ ...filled, service, inboxPrefix: inboxPrefixOf(connection) })
  return { ...filled, connection, module, moduleName, service, processes, execArgv }
}
