// One call to slots of one's own: a request, computed again when what ended it was not its fault.
//
// States: under way (it is in the pool) → settled, for good; the pool may still have it then. Its timeout is its deadline, which the
// pool keeps.
import type { Abortable } from '../client/abort.js'
import type { Argument } from '../client/call-owner.js'
import type { Reply } from '../client/reply.js'
import { tellProgress } from '../client/tell-progress.js'
import type { FilledCallOptions } from '../client-options.js'
import {
  CancelledError,
  type ErrorDetails,
  OverloadedError,
  RequestLostError,
  TimeoutError,
  TooLargeError,
  UnavailableError,
  remoteError,
} from '../errors.js'
import { Code } from '../protocol/codes.js'
import { readResult } from '../protocol/payload.js'
import { LONGEST_MS } from '../protocol/request.js'
import { RawHeaders } from '../protocol/raw-headers.js'
import { refusalOf } from '../slots/refusal.js'
import type { Pool } from '../slots/pool.js'
import type { Outcome, Task } from '../slots/task.js'

/** In bytes: as much as the largest message of NATS, and the largest result. */
const MAX_ARGUMENT = 2 ** 26

export interface LocalCallOwner {
  /** What the functions belong to, in messages. */
  readonly service: string
  readonly pool: Pool<LocalCall>
  settled(call: LocalCall): void
}

export class LocalCall implements Task, Abortable {
  readonly done: Promise<Reply>
  readonly options: FilledCallOptions
  readonly id: string
  readonly functionName: string
  readonly batchSize: number
  readonly isBytes: boolean
  readonly wantsProgress: boolean
  readonly isToldFirst = false
  readonly headers: Task['headers']
  readonly priority: number
  readonly client = ''
  readonly since = performance.now()
  readonly deadline: number
  body: Uint8Array
  attempt: number
  startedAt = 0
  isAnnounced = false
  slot: Task['slot']
  number = 0
  ending: Task['ending']
  readonly #owner: LocalCallOwner
  readonly #tries: number
  #starts = 0
  #isSettled = false
  #resolve!: (reply: Reply) => void
  #rejectDone!: (error: Error) => void

  constructor(
    owner: LocalCallOwner,
    id: string,
    { body, isBytes, batchSize, tries }: Argument,
    options: FilledCallOptions,
  ) {
    this.#owner = owner
    this.attempt = this.#tries = tries
    this.options = options
    this.id = id
    this.functionName = options.functionName
    this.batchSize = batchSize
    this.isBytes = isBytes
    this.wantsProgress = options.onProgress !== undefined
    this.headers = new RawHeaders(`\r\n${options.headerLines}`).filter(() => true)
    this.priority = options.priority
    this.deadline = this.since + (options.isPatient ? LONGEST_MS : options.timeout)
    this.body = typeof body === 'string' ? Buffer.from(body) : body
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#rejectDone = reject
    })
  }

  /** Has it computed; again, if it was interrupted. */
  start() {
    this.attempt = this.#tries + ++this.#starts
    const { service, pool } = this.#owner
    const { byteLength } = this.body
    const refusal = refusalOf(this, service, pool.functions)
    if (refusal) this.#fail(refusal.code, refusal.text)
    else if (byteLength > MAX_ARGUMENT)
      this.#reject(
        new TooLargeError(`the argument has ${byteLength} bytes and the most is ${MAX_ARGUMENT}`, this.#details()),
      )
    else if (this.#starts > 1) pool.insert(this)
    else if (!pool.add(this))
      this.#reject(new OverloadedError(`the backlog is full: ${pool.waiting} requests wait`, this.#details()))
  }

  /** Its signal is aborted. */
  cancel(reason: unknown) {
    this.#cancel('the call was cancelled', { cause: reason })
  }

  /** The runner is closed. */
  close(text: string) {
    this.#cancel(text)
  }

  #cancel(text: string, cause?: ErrorDetails) {
    this.#reject(new CancelledError(text, this.#details(cause)))
    this.#owner.pool.end(this, Code.cancelled, 'cancelled by its caller')
  }

  /** No slot works, nor will. */
  fail(cause: Error) {
    const text = `no slot has worked for a minute: ${cause.message}`
    this.#reject(new UnavailableError(text, this.#details({ cause })))
    this.#owner.pool.end(this, Code.unavailable, text)
  }

  // What the pool tells.

  ended({ code, body, isBytes, nanoseconds, thrown }: Outcome<LocalCall>) {
    if (code === 0) {
      const result = readResult(body, isBytes)
      if (this.#settle())
        this.#resolve({ result, requestId: this.id, executorId: undefined, computeMs: nanoseconds / 1e6 })
    } else if (code === Code.deadline && performance.now() >= this.deadline)
      this.#reject(new TimeoutError(`no answer within ${Math.round(this.options.timeout) / 1000} s`, this.#details()))
    else this.#fail(code, Buffer.from(body).toString().trim() || 'no text', { thrown })
  }

  interrupted(why: string) {
    if (this.#isSettled) return
    if (this.#starts <= this.options.retries) return this.start()
    const cause = remoteError(Code.unavailable, `interrupted: ${why}`, this.#details())
    const details = this.#details({ losses: this.#starts, cause })
    this.#reject(new RequestLostError('the request was lost with its executor', details))
  }

  started() {
    this.options.onState?.('computing')
  }

  progressed(body: Uint8Array) {
    const { onProgress } = this.options
    if (onProgress && !this.#isSettled) tellProgress(onProgress, JSON.parse(Buffer.from(body).toString()))
  }

  #fail(code: number, text: string, more?: ErrorDetails) {
    this.#reject(remoteError(code, text, this.#details(more)))
  }

  #details(more?: ErrorDetails): ErrorDetails {
    return { requestId: this.id, attempts: this.#starts, losses: Math.max(0, this.#starts - 1), ...more }
  }

  #reject(error: Error) {
    if (this.#settle()) this.#rejectDone(error)
  }

  #settle() {
    if (this.#isSettled) return false
    this.#owner.settled(this)
    return (this.#isSettled = true)
  }
}
