// One call: its attempts, all under one id, until the first answer, the timeout or the caller's signal.
//
// States: waiting for a connection, to try again or for its turn (the connection's promise or `#pause` is under way, or its
// owner has it in a queue; nothing is sent) → sent (an attempt is under way, or more when the request was lost and sent
// again) → settled, for good: no attempt is heard any more. `#timeoutTimer` runs from the first moment to the last.
import { type Msg, type NatsError, deferred } from '../nats/nats.js'
import {
  CancelledError,
  ConnectionError,
  type ErrorDetails,
  ExecutorDiedError,
  RequestLostError,
  NoExecutorsError,
  OverloadedError,
  type RequestError,
  TimeoutError,
  TooLargeError,
  UnavailableError,
} from '../errors.js'
import { encodeHeaders } from '../nats/headers.js'
import type { Inbox, Listener } from '../nats/inbox.js'
import type { FilledCallOptions } from '../options.js'
import { line } from '../protocol/raw-headers.js'
import { Code } from '../protocol/codes.js'
import { Header } from '../protocol/headers.js'
import type { Backoff } from './backoff.js'
import { type Reply, readReply } from './reply.js'
import type { Suspects } from './suspects.js'

/** An attempt that was sent less than this before the timeout, in milliseconds, may not even have been refused. */
const LATE_MS = 50
/** A request with which so many executors died is not sent again; a batch with which one less did is sent in halves. */
const MOST_DEATHS = 3

/** What a call needs of its client. */
export interface CallOwner {
  readonly subject: string
  /** Where to send, if the connection is up now. */
  readonly inbox: Inbox | undefined
  /** Resolves when the connection is up; rejects if it never will be. */
  connection(): Promise<unknown>
  readonly suspects: Suspects
  readonly backoff: Backoff
  /** Why nobody answers, for messages: the server or the executors. */
  whoIsMissing(): string
  settled(call: Call): void
  answered(reply: Reply): void
  /** The call's executor is to be told that nobody waits any more. */
  cancelled(call: Call): void
}

/** What the body of a request is. */
export interface Argument {
  body: string
  /** How many arguments it has, if it is a batch; else 0. */
  batchSize: number
  /** How many executors have died of it, as part of a larger batch. */
  deaths: number
}

export class Call {
  readonly id: string
  readonly done = deferred<Reply>()
  readonly options: FilledCallOptions
  /** When the last attempt was sent, by `performance.now()`; 0 while none is under way. */
  sentAt = 0
  isSettled = false
  losses = 0
  /** For the custody: when to ask who holds the request, how often in a row nobody did, since when, and what was said last. */
  readonly watch = { askAt: 0, misses: 0, missedAt: 0, state: '' }
  readonly #owner: CallOwner
  readonly #body: Uint8Array
  readonly #batchSize: number
  readonly #deadline: number
  #retries: number
  readonly #listener: Listener
  /** The newest attempt, and those before it that may still be answered, since the request was taken for lost. */
  #token = ''
  #earlier: string[] | undefined
  #attempts = 0
  #deaths: number
  /** Lost, and it is not known yet whether an executor had it. */
  #isUncertain = false
  /** Who is known to have held it. */
  #executorId: string | undefined
  #died: string[] | undefined
  #tries = 0
  #isQueued = false
  readonly #timeoutTimer: NodeJS.Timeout
  #isTimedOut = false
  #pause: NodeJS.Timeout | undefined
  /** The answer that made it pause last. */
  #refusal: RequestError | undefined
  /** What a reply said that is none of an executor's. */
  #strange: string | undefined

  constructor(owner: CallOwner, id: string, argument: Argument, options: FilledCallOptions) {
    this.#owner = owner
    this.id = id
    this.options = options
    this.#body = Buffer.from(argument.body)
    this.#batchSize = argument.batchSize
    this.#deaths = argument.deaths
    this.#deadline = performance.now() + options.timeout
    this.#retries = options.retries
    this.#listener = {
      subject: owner.subject,
      onReply: (message, token) => this.#answered(message, token),
      onFailure: (error, token) => this.#failed(error, token),
    }
    this.#timeoutTimer = setTimeout(timedOut, Math.ceil(options.timeout), this)
  }

  /** Sends the request; one of which executors may die waits for its turn. */
  start() {
    if (this.#deaths < MOST_DEATHS - 1) return this.send()
    this.sentAt = 0
    this.#isQueued = true
    this.#owner.suspects.sendAlone(this)
  }

  /** Sends the request, now or as soon as there is a connection. */
  send() {
    if (this.isSettled) return
    clearTimeout(this.#pause)
    this.#isQueued = false
    const remaining = this.#deadline - performance.now()
    if (remaining <= 0) return this.timedOut()
    const { inbox } = this.#owner
    if (!inbox) return this.#awaitConnection()
    const batchSize = this.#batchSize > 0 ? line(Header.batchSize, this.#batchSize) : ''
    const head = encodeHeaders(
      line(Header.requestId, this.id) + line(Header.timeoutMs, Math.ceil(remaining * 10) / 10) + batchSize,
    )
    if (this.#token) (this.#earlier ??= []).push(this.#token)
    this.#token = ''
    this.sentAt = performance.now()
    this.watch.askAt = this.watch.misses = 0
    this.watch.state = ''
    this.#attempts++
    try {
      this.#token = inbox.send(this.#listener, this.#body, head)
    } catch (error) {
      this.#failed(error as NatsError, '')
    }
  }

  /** Whether it will be sent again if it is lost. */
  get maySendAgain() {
    return this.#retries > 0
  }

  /** An executor says that it holds the request. */
  held(state: string, executorId: string | undefined) {
    this.watch.misses = 0
    this.watch.state = state
    this.#executorId = executorId
    this.#owner.suspects.found(this)
  }

  /**
   * Nobody holds the request any more: sends it again, after a pause if that is called for. `hasDied`: whether an
   * executor died while it computed it; undefined if the server can tell, which knows whether anybody is there.
   */
  lost(hasDied: boolean | undefined, pause = 0) {
    this.losses++
    if (this.#retries-- <= 0)
      return this.#reject(new RequestLostError('the request was lost with its executor', this.details()))
    if (hasDied && this.#countDeath()) return
    this.#isUncertain = hasDied === undefined
    if (pause > 0) this.#tryAgain(pause)
    else if (this.#isUncertain) this.send()
    else this.start()
  }

  /** Counts a death; whether it was one too many. */
  #countDeath() {
    this.#deaths++
    if (this.#executorId !== undefined) (this.#died ??= []).push(this.#executorId)
    this.#executorId = undefined
    if (this.#deaths < MOST_DEATHS - (this.#batchSize > 1 ? 1 : 0)) return false
    const who = this.#died ? `, of these ${this.#died.join(', ')}` : ''
    this.#reject(new ExecutorDiedError(`${this.#deaths} executors died while they computed it${who}`, this.details()))
    return true
  }

  /** There may be room: ends a pause; false if there is none. */
  tryNow(): boolean {
    const isPaused = !this.isSettled && this.sentAt === 0 && this.#refusal !== undefined
    if (isPaused) this.start()
    return isPaused
  }

  cancel(reason: unknown) {
    if (this.isSettled) return
    this.#owner.cancelled(this)
    this.#reject(new CancelledError('the call was cancelled', this.details({ cause: reason })))
  }

  /** The connection is closed, or refused. */
  fail({ message, cause }: Error) {
    this.#reject(new ConnectionError(message, this.details({ cause })))
  }

  #awaitConnection() {
    this.sentAt = 0
    this.#owner.connection().then(
      () => this.send(),
      error => this.fail(error),
    )
  }

  #tryAgain(after: number) {
    this.sentAt = 0
    // A timer that is set for more than it can count ends at once.
    this.#pause = setTimeout(() => this.start(), Math.min(after, this.options.timeout))
  }

  #failed(error: NatsError, token: string) {
    // An earlier attempt, or a settled call's: the newest one decides.
    if (this.isSettled || token !== this.#token) return
    const details = this.details({ cause: error })
    if (this.#owner.inbox?.isClosing) return this.#reject(new ConnectionError('the connection was closed', details))
    if (error.code === 'MAX_PAYLOAD_EXCEEDED')
      return this.#reject(new TooLargeError(`the argument is larger than the server's max_payload`, details))
    if (error.code !== '503')
      return this.#reject(new UnavailableError(`the request could not be sent: ${error.message}`, details))
    this.#forget()
    this.#attempts--
    this.#refusal = undefined
    if (this.#isUncertain && this.#countDeath()) return
    this.#isUncertain = false
    this.#tryAgain(this.#owner.backoff.pause(this.#tries++, false))
  }

  #answered(message: Msg, token: string) {
    if (this.isSettled) return
    const answer = readReply(message, this)
    if (answer.kind === 'result') {
      if (!this.#settle()) return
      this.#owner.answered(answer.reply)
      this.done.resolve(answer.reply)
    } else if (answer.kind === 'error') this.#reject(answer.error)
    else if (answer.kind === 'strange') this.#strange ??= answer.text
    // A refusal counts for the newest attempt alone, an older one's has been seen to.
    else if (token === this.#token) {
      this.#forget()
      const { error, afterMs, hasStarted } = answer
      if (hasStarted) return this.lost(false, this.losses === 0 ? 0 : this.#owner.backoff.pause(this.#tries++, false))
      this.#refusal = error
      const isOverloaded = error.code === Code.overloaded
      this.#tryAgain(afterMs * (1 + Math.random()) + this.#owner.backoff.pause(this.#tries++, isOverloaded))
      if (isOverloaded) this.#owner.backoff.refused(this)
    }
  }

  timedOut() {
    if (this.#isTimedOut) return
    this.#isTimedOut = true
    const { inbox } = this.#owner
    if (inbox) void inbox.catchUp(performance.now() - this.#deadline).then(() => this.#giveUp())
    else this.#giveUp()
  }

  #giveUp() {
    const after = `within ${Math.round(this.options.timeout) / 1000} s`
    // The last of many attempts may have had no time to find out that nobody is there.
    const isTaken = this.sentAt > 0 && (this.#tries === 0 || performance.now() - this.sentAt > LATE_MS)
    const why = this.#strange ? ` (${this.#strange})` : ''
    if (isTaken || this.#isQueued) this.#reject(new TimeoutError(`no answer ${after}${why}`, this.details()))
    else if (this.#refusal instanceof OverloadedError)
      this.#reject(new OverloadedError(`no room in any backlog ${after}`, this.details({ cause: this.#refusal })))
    else this.#reject(new NoExecutorsError(this.#owner.whoIsMissing(), this.details()))
  }

  details(more: ErrorDetails = {}): ErrorDetails {
    const executorId = this.#executorId ?? this.#died?.at(-1)
    return { requestId: this.id, executorId, attempts: this.#attempts, losses: this.losses, ...more }
  }

  /** Nothing is expected of the newest attempt any more. */
  #forget() {
    this.#owner.inbox?.forget(this.#token)
    this.#token = ''
  }

  #reject(error: Error) {
    if (this.#settle()) this.done.reject(error)
  }

  #settle() {
    if (this.isSettled) return false
    this.isSettled = true
    clearTimeout(this.#timeoutTimer)
    clearTimeout(this.#pause)
    this.#forget()
    for (const token of this.#earlier ?? []) this.#owner.inbox?.forget(token)
    this.#owner.settled(this)
    return true
  }
}

const timedOut = (call: Call) => call.timedOut()
