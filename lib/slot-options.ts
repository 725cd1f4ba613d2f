// What may be said of slots, an executor's or one's own: defaults, and the checks where it enters.
import { checkInteger, checkNumber, expected } from './check-options.js'
import { MAX_CONCURRENCY, MAX_MS } from './protocol/limits.js'

export interface SlotOptions {
  /**
   * How many requests are computed at the same time: 1–1024.
   * @default 1
   */
  concurrency?: number | undefined
  /**
   * In how many processes, at most `concurrency`. With fewer, several requests share a process: for asynchronous functions, which
   * wait rather than compute.
   * @default `concurrency`
   */
  processes?: number | undefined
  /**
   * A process is replaced after so many requests; its successor is ready by then.
   * @default Infinity
   */
  maxRequests?: number | undefined
  /**
   * Options of Node for the processes that compute.
   * @default those of this process, so that loaders and hooks work, but for those that are about it alone
   */
  execArgv?: readonly string[] | undefined
  /**
   * The longest that one computation may take, in milliseconds.
   * @default 300_000
   */
  timeLimit?: number | undefined
  /**
   * The most memory of one process, in MiB: of V8's heap, and of all that is resident (on systems with /proc).
   * @default 1024
   */
  memoryLimit?: number | undefined
}

export const SLOT_DEFAULTS = { concurrency: 1, maxRequests: Infinity, timeLimit: 300_000, memoryLimit: 1024 }

/** The defaults that are not the same everywhere. */
export function checkSlotOptions(filled: SlotOptions & typeof SLOT_DEFAULTS) {
  checkInteger('concurrency', filled.concurrency, 1, MAX_CONCURRENCY)
  const { processes = filled.concurrency, execArgv = inheritedExecArgv() } = filled
  checkInteger('processes', processes, 1, filled.concurrency)
  if (filled.maxRequests !== Infinity) checkInteger('maxRequests', filled.maxRequests, 1, Number.MAX_SAFE_INTEGER)
  if (!Array.isArray(execArgv) || execArgv.some(word => typeof word !== 'string'))
    throw new TypeError(expected('execArgv', 'an array of strings', execArgv))
  checkNumber('timeLimit', filled.timeLimit, 1, MAX_MS)
  checkInteger('memoryLimit', filled.memoryLimit, 64, 1_048_576)
  return { processes, execArgv }
}

/** Options of Node that are about one process alone, and files of variables: these are in the environment, but for what is kept back. */
const OWN = /^(-e|--eval|-p|--print|-pe|--inspect|--watch|--test|--input-type|--env-file)/
/** Those of V8 for the sizes of the heap, which may have `_` for `-`. */
const HEAP = /^--(max|min|initial)[-_](old[-_]space|semi[-_]space|heap)[-_]size/

/** The options of Node that this process has, but for those that are about it alone. */
function inheritedExecArgv(): string[] {
  let isKept = true
  // A word that is no option is the value of the one before it, as in `--test-reporter spec`.
  return process.execArgv.filter(word =>
    word.startsWith('-') ? (isKept = !OWN.test(word) && !HEAP.test(word)) : isKept,
  )
}
