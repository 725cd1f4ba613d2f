// One call: its attempts, all under one id, until the first answer, the timeout or the caller's signal.
//
// States: waiting for a connection or to try again (the connection's promise or `#pause` is under way, nothing is sent) →
// sent (an attempt is under way, or more when the request was lost and sent again) → settled, for good: no attempt is heard
// any more. `#timeoutTimer` runs from the first moment to the last.
import { type Msg, type NatsConnection, type NatsError, deferred } from '../nats/nats.js'
import { Attempt, type AttemptOwner } from './attempt.js'
import {
  CancelledError,
  RequestLostError,
  NoExecutorsError,
  OverloadedError,
  ProtocolError,
  type RequestError,
  TimeoutError,
  TooLargeError,
  UnavailableError,
  remoteError,
} from '../errors.js'
import { headersOf } from '../nats/headers.js'
import { line } from '../protocol/raw-headers.js'
import { encodeHeaders } from '../nats/headers.js'
import { Code } from '../protocol/codes.js'
import { Header } from '../protocol/headers.js'

/** An attempt that was sent less than this before the timeout, in milliseconds, may not even have been refused. */
const LATE_MS = 50

/** What a call resolves with, where more than the result is asked for. */
export interface Reply<Result = unknown> {
  result: Result
  requestId: string
  /** The id of the executor that computed it. */
  executorId: string | undefined
  /** How long that took, in milliseconds. */
  computeMs: number | undefined
}

/** What a call needs of its client. */
export interface CallOwner {
  readonly subject: string
  /** The connection if it is up now. */
  readonly connected: NatsConnection | undefined
  /** Resolves when the connection is up; rejects if it never will be. */
  connection(): Promise<unknown>
  /** How long a call that has tried `tries` times in vain pauses, in milliseconds; `isRefused`: for want of room. */
  pause(tries: number, isRefused: boolean): number
  /** A call has found no room, and pauses; `tryNow` ends that. */
  refused(call: Call): void
  /** Why nobody answers, for messages: the server or the executors. */
  whoIsMissing(): string
  settled(call: Call): void
  /** The call's executor is to be told that nobody waits any more. */
  cancelled(call: Call): void
}

export class Call implements AttemptOwner {
  readonly id: string
  readonly done = deferred<Reply>()
  /** When the last attempt was sent, by `performance.now()`; 0 while none is under way. */
  sentAt = 0
  isSettled = false
  /** For the custody: when to ask who holds the request, how often in a row nobody did, and how often it was lost. */
  askAt = 0
  misses = 0
  /** When the first of these misses was. */
  missedAt = 0
  losses = 0
  readonly #owner: CallOwner
  readonly #body: Uint8Array
  readonly #batchSize: number
  readonly #deadline: number
  readonly #timeout: number
  #retries: number
  /** The newest, and those before it that may still be answered, since the request was taken for lost. */
  #attempt: Attempt | undefined
  #earlier: Attempt[] | undefined
  #tries = 0
  readonly #timeoutTimer: NodeJS.Timeout
  #pause: NodeJS.Timeout | undefined
  /** The answer that made it pause last. */
  #refusal: RequestError | undefined

  /** `batchSize`: how many arguments the body has, if it is a batch; else 0. */
  constructor(owner: CallOwner, id: string, body: string, batchSize: number, timeout: number, retries: number) {
    this.#owner = owner
    this.id = id
    this.#body = Buffer.from(body)
    this.#batchSize = batchSize
    this.#timeout = timeout
    this.#deadline = performance.now() + timeout
    this.#retries = retries
    this.#timeoutTimer = setTimeout(timedOut, Math.ceil(timeout), this)
  }

  /** Sends the request, now or as soon as there is a connection. */
  send() {
    if (this.isSettled) return
    const remaining = this.#deadline - performance.now()
    if (remaining <= 0) return this.timedOut()
    const nc = this.#owner.connected
    if (!nc) return this.#awaitConnection()
    const batchSize = this.#batchSize > 0 ? line(Header.batchSize, this.#batchSize) : ''
    const head = encodeHeaders(
      line(Header.requestId, this.id) + line(Header.timeoutMs, Math.ceil(remaining * 10) / 10) + batchSize,
    )
    const attempt = new Attempt(this.#owner.subject, this)
    if (this.#attempt?.isUnderWay) (this.#earlier ??= []).push(this.#attempt)
    this.#attempt = attempt
    this.sentAt = performance.now()
    this.askAt = 0
    attempt.send(nc, this.#body, head, Math.ceil(remaining))
  }

  /** Whether it will be sent again if it is lost. */
  get maySendAgain() {
    return this.#retries > 0
  }

  /** Nobody holds the request any more: sends it again, after a pause if that is called for. */
  lost(pause = 0) {
    this.losses++
    if (this.#retries-- > 0) {
      if (pause > 0) this.#tryAgain(pause)
      else this.send()
    } else this.#reject(new RequestLostError('the request was lost with its executor', { requestId: this.id }))
  }

  /** There may be room: ends a pause; false if there is none. */
  tryNow(): boolean {
    if (this.isSettled || this.sentAt > 0 || !this.#refusal) return false
    clearTimeout(this.#pause)
    this.send()
    return true
  }

  cancel(reason: unknown) {
    if (this.isSettled) return
    this.#owner.cancelled(this)
    this.#reject(new CancelledError('the call was cancelled', { requestId: this.id, cause: reason }))
  }

  fail(error: Error) {
    this.#reject(error)
  }

  #awaitConnection() {
    this.sentAt = 0
    this.#owner.connection().then(
      () => this.send(),
      error => this.#reject(error),
    )
  }

  #tryAgain(after: number) {
    this.sentAt = 0
    // A timer that is set for more than it can count ends at once.
    this.#pause = setTimeout(() => this.send(), Math.min(after, this.#timeout))
  }

  failed(error: NatsError, attempt: Attempt) {
    // An earlier attempt, or a settled call's: the newest one decides.
    if (this.isSettled || attempt !== this.#attempt) return
    const details = { requestId: this.id, cause: error }
    switch (error.code) {
      case '503':
        this.#refusal = undefined
        return this.#tryAgain(this.#owner.pause(this.#tries++, false))
      case 'TIMEOUT':
        // This call has a timer of its own. nats.js says so of all when a connection is closed, which its owner hears, too.
        return
      case 'MAX_PAYLOAD_EXCEEDED':
        return this.#reject(new TooLargeError(`the argument is larger than the server's max_payload`, details))
      case 'CONNECTION_CLOSED':
      case 'CONNECTION_DRAINING':
        return this.#reject(new CancelledError('the connection was closed', details))
      default:
        return this.#reject(new UnavailableError(`the request could not be sent: ${error.message}`, details))
    }
  }

  answered(message: Msg, attempt: Attempt) {
    if (this.isSettled) return
    const head = headersOf(message)
    const executorId = head?.get(Header.executorId) || undefined
    const details = { requestId: this.id, executorId }
    const echoed = head?.get(Header.requestId)
    const code = head?.get(Header.errorCode)
    if (code) {
      const error = remoteError(Number(code), head!.get(Header.error) || 'no text', details)
      if (error.code === Code.overloaded || error.code === Code.unavailable) {
        // A refusal counts for the newest attempt alone, an older one's has been seen to.
        if (attempt !== this.#attempt) return
        // One that had started was not refused: its executor was stopped at once.
        if (error.code === Code.unavailable && Number(head!.get(Header.computeMs)) > 0)
          return this.lost(this.losses === 0 ? 0 : this.#owner.pause(this.#tries++, false))
        this.#refusal = error
        const after = Math.max(0, Number(head!.get(Header.retryAfterMs)) || 0)
        const isOverloaded = error.code === Code.overloaded
        this.#tryAgain(after * (1 + Math.random()) + this.#owner.pause(this.#tries++, isOverloaded))
        if (isOverloaded) this.#owner.refused(this)
        return
      }
      return this.#reject(error)
    }
    if (echoed !== this.id)
      return this.#reject(
        new ProtocolError(`the reply is to another request: ${JSON.stringify(echoed ?? '')}`, details),
      )
    let result
    try {
      result = message.json()
    } catch (cause) {
      return this.#reject(new ProtocolError('the reply is not JSON', { ...details, cause }))
    }
    if (this.#settle())
      this.done.resolve({
        result,
        requestId: this.id,
        executorId,
        computeMs: Number(head!.get(Header.computeMs)) || undefined,
      })
  }

  timedOut() {
    const details = { requestId: this.id }
    const after = `within ${Math.round(this.#timeout) / 1000} s`
    // The last of many attempts may have had no time to find out that nobody is there.
    const isTaken = this.sentAt > 0 && (this.#tries === 0 || performance.now() - this.sentAt > LATE_MS)
    if (isTaken) this.#reject(new TimeoutError(`no answer ${after}`, details))
    else if (this.#refusal instanceof OverloadedError)
      this.#reject(new OverloadedError(`no room in any backlog ${after}`, { ...details, cause: this.#refusal }))
    else this.#reject(new NoExecutorsError(this.#owner.whoIsMissing(), details))
  }

  #reject(error: Error) {
    if (this.#settle()) this.done.reject(error)
  }

  #settle() {
    if (this.isSettled) return false
    this.isSettled = true
    clearTimeout(this.#timeoutTimer)
    clearTimeout(this.#pause)
    this.#attempt?.end()
    for (const attempt of this.#earlier ?? []) attempt.end()
    this.#owner.settled(this)
    return true
  }
}

const timedOut = (call: Call) => call.timedOut()
