// What an executor counts of the requests that it answered, for each function.
import { errorName } from '../errors.js'
import { Code } from '../protocol/codes.js'
import { Usual } from './usual.js'

/** Counts a request that was answered; with code 0 some arguments of its batch may have failed. */
export interface Counted {
  nanoseconds: number
  code: number
  functionName: string
  batchSize: number
  failedArguments: number
}

export class Statistics {
  readonly #functions = new Map<string, FunctionStatistics>()
  readonly #isServed: (functionName: string) => boolean
  /** Whole nanoseconds in slots, and how many requests were there. */
  #processing = 0
  #computed = 0
  readonly #usual = new Usual()

  /** Of what is not served nothing is counted: strangers choose those names. */
  constructor(isServed: (functionName: string) => boolean) {
    this.#isServed = isServed
  }

  /** How long a computation takes in the mean, in milliseconds; undefined if that is not known. */
  get meanMs(): number | undefined {
    return this.#computed === 0 ? undefined : this.#processing / 1e6 / this.#computed
  }

  /** How long a computation of that function usually takes, or, if that is not known, one of any; in milliseconds. */
  usualMs(functionName: string): number | undefined {
    return this.#functions.get(functionName)?.usual.ms ?? this.#usual.ms
  }

  of(functionName: string): FunctionStatistics {
    let statistics = this.#functions.get(functionName)
    if (!statistics) this.#functions.set(functionName, (statistics = new FunctionStatistics()))
    return statistics
  }

  count(counted: Counted) {
    this.#processing += counted.nanoseconds
    if (counted.nanoseconds > 0) {
      this.#computed++
      this.#usual.learn(counted.nanoseconds / 1e6)
    }
    if (this.#isServed(counted.functionName)) this.of(counted.functionName).count(counted)
  }
}

/** As ADR-32 shows it. */
export class FunctionStatistics {
  requests = 0
  errors = 0
  lastError = ''
  /** Whole nanoseconds. */
  processing = 0
  readonly usual = new Usual()

  count({ nanoseconds, code, batchSize, failedArguments }: Counted) {
    // Each argument of a batch is one.
    const size = Math.max(1, batchSize)
    this.requests += size
    this.processing += nanoseconds
    if (nanoseconds > 0) this.usual.learn(nanoseconds / 1e6)
    this.errors += code === 0 ? failedArguments : size
    // What is wrong may tell of arguments, which are not everybody's to know.
    const last = code === 0 && failedArguments > 0 ? Code.failed : code
    if (last !== 0) this.lastError = `${last}: ${errorName(last)}`
  }
}
