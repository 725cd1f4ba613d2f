// One computation, and what its function is told of it.
import { AsyncLocalStorage } from 'node:async_hooks'
import timers from 'node:timers'
import { type Frame, Kind, sharedNow } from '../frames.js'
import type { Context } from '../function.js'
import { readLine } from '../request-line.js'
import { sendNow } from './pipes.js'

/** Between two messages of progress of one request, in milliseconds. */
const PROGRESS_MS = 100
/** In characters of JSON. */
const MAX_PROGRESS = 16_384
// User code may put its own in their place.
const { stringify } = JSON
const { clearTimeout, setTimeout } = timers
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})

/** User code runs in the asynchronous context of its computation, which tells whose an output, a stray exception or an exit is. */
export const contexts = new AsyncLocalStorage<Computation>()

export class Computation implements Context {
  readonly number: number
  readonly batchSize: number
  readonly requestId: string
  readonly functionName: string
  readonly isBytes: boolean
  readonly attempt: number
  readonly headers: Readonly<Record<string, string>>
  /** From when on the executor may take it for running. */
  readonly begun: number
  readonly started = sharedNow()
  hasEnded = false
  readonly #until: number
  readonly #wantsProgress: boolean
  #controller: AbortController | undefined
  #progressAt = -Infinity
  #latest: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor({ number, extra: batchSize, id: line, until }: Frame, begun: number) {
    const {
      id,
      functionName,
      isBytes = false,
      attempt = 1,
      headers = NO_HEADERS,
      wantsProgress = false,
    } = readLine(line)
    this.number = number
    this.batchSize = batchSize
    this.requestId = id
    this.functionName = functionName
    this.isBytes = isBytes
    this.attempt = attempt
    this.headers = headers
    this.begun = begun
    this.#until = until
    this.#wantsProgress = wantsProgress
  }

  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal
  }

  get deadline() {
    return new Date(Date.now() + this.#until - sharedNow())
  }

  // Functions of their own, so that they can be taken out of the context.

  get progress() {
    return (value: unknown) => this.#progress(value)
  }

  get log() {
    // oxlint-disable-next-line no-console
    return (...values: unknown[]) => contexts.run(this, () => console.log(...values))
  }

  abort() {
    void this.signal
    contexts.run(this, () => this.#controller!.abort())
  }

  end() {
    this.hasEnded = true
    clearTimeout(this.#timer)
  }

  /** What JSON cannot say is not worth the end of a computation. */
  #progress(value: unknown) {
    if (!this.#wantsProgress || this.hasEnded) return
    const text = jsonOf(value)
    if (text === undefined || text.length > MAX_PROGRESS) return
    this.#latest = text
    const wait = this.#progressAt + PROGRESS_MS - sharedNow()
    if (wait <= 0) this.#sendProgress()
    else this.#timer ??= setTimeout(() => this.#sendProgress(), wait)
  }

  #sendProgress() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#latest === undefined || this.hasEnded) return
    this.#progressAt = sharedNow()
    sendNow(Kind.progress, this.number, 0, this.#latest)
    this.#latest = undefined
  }
}

function jsonOf(value: unknown): string | undefined {
  try {
    return stringify(value)
  } catch {
    return undefined
  }
}
