// One call: its attempts, all under one id, until the first answer, the timeout or the caller's signal.
//
// States: waiting for a connection, to try again or for its turn (the connection's promise or `#pause` is under way, or its owner has
// it in a queue, or cancels another request of its id; nothing is sent) → sent (an attempt is under way, or more when the request was
// lost and sent again) → settled, for good: no attempt is heard any more. The timer of `#deadline` runs from the first moment to the last.
import type { Msg, NatsError } from '../nats/nats.js'
import { CancelledError, ConnectionError, type ErrorDetails, type RequestError, RequestLostError } from '../errors.js'
import type { Listener } from '../nats/inbox.js'
import type { FilledCallOptions } from '../client-options.js'
import { deferred } from '../deferred.js'
import { Code } from '../protocol/codes.js'
import { functionSubject } from '../protocol/subjects.js'
import { noAnswer, unsentError } from './call-errors.js'
import type { Argument, CallOwner } from './call-owner.js'
import { Deadline, type Waiting } from './deadline.js'
import { Deaths } from './deaths.js'
import { Obstacles } from './obstacles.js'
import { Outgoing } from './outgoing.js'
import { type Notice, readReply } from './reply.js'
import { tellProgress } from './tell-progress.js'
import { type State, Watch, type Watched } from './watch.js'

export class Call implements Watched, Waiting, Listener {
  readonly id: string
  /** Where the newest attempt goes: to any executor, or to `#target` alone. */
  subject: string
  readonly #subject: string
  #target: string | undefined
  /** Resolves with the reply, or with its result alone. */
  readonly done = deferred<unknown>()
  readonly options: FilledCallOptions
  isSettled = false
  losses = 0
  readonly #watch: Watch
  readonly #owner: CallOwner
  readonly #isWhole: boolean
  readonly #outgoing: Outgoing
  readonly #deadline: Deadline
  #retries: number
  readonly #deaths: Deaths
  /** Lost, and it is not known yet whether an executor had it. */
  #isUncertain = false
  /** Who is known to have held it. */
  #executorId: string | undefined
  readonly obstacles = new Obstacles()
  #isQueued = false
  #pause: NodeJS.Timeout | undefined

  constructor(owner: CallOwner, id: string, argument: Argument, options: FilledCallOptions, isWhole: boolean) {
    this.#owner = owner
    this.id = id
    this.#subject = this.subject = functionSubject(owner.service, options.functionName)
    this.options = options
    this.#isWhole = isWhole
    this.#watch = new Watch(this, options.isDetached)
    this.#outgoing = new Outgoing(id, argument, options)
    this.#deaths = new Deaths(argument.deaths, argument.batchSize > 1)
    this.#deadline = new Deadline(this, owner)
    this.#retries = options.retries
  }

  /** Sends the request, when none of its id is being cancelled, for which it could be taken; one of which executors may die waits for its turn. */
  start() {
    if (this.isSettled) return
    const cancelled = this.#owner.watcher.whenCancelled(this.id)
    if (!cancelled && !this.#deaths.isSuspect) return this.send()
    clearTimeout(this.#pause)
    this.#owner.watcher.forget(this.#watch)
    this.#isQueued = true
    if (cancelled) void cancelled.then(() => this.start())
    else this.#owner.suspects.sendAlone(this)
  }

  /** Sends the request, now or as soon as there is a connection; `toAny`: not to one executor alone. */
  send(toAny = false) {
    if (this.isSettled) return
    clearTimeout(this.#pause)
    this.#isQueued = false
    const now = performance.now()
    if (this.#deadline.at <= now && !this.#deadline.putOff()) return this.#deadline.passed()
    const remainingMs = this.#deadline.at - now
    const { inbox } = this.#owner
    if (!inbox) return this.#awaitConnection()
    // The server may still bring it to one that is gone. Every other time, since one that is there need not take it.
    const isAlone = this.losses % 2 === 1 && !this.#isUncertain && !toAny
    const target = (this.#target = isAlone ? this.#owner.watcher.anybody() : undefined)
    this.subject = target === undefined ? this.#subject : this.#owner.watcher.subjectOf(target)
    const attempt = { remainingMs, losses: this.losses, isDirect: target !== undefined }
    this.#owner.watcher.sent(this.#watch, now)
    try {
      this.#outgoing.send(inbox, this, this.#owner.headers, attempt)
    } catch (error) {
      this.onFailure(error as NatsError, '')
    }
  }

  /** Whether an attempt is under way. */
  get isSent() {
    return this.#watch.place !== undefined
  }

  /** Nobody has it, and nobody else is there, though the server cannot tell. */
  get isDeserted() {
    return this.losses > 0 && this.obstacles.stranger === undefined && this.#owner.watcher.isDeserted
  }

  /** Whether it will be sent again if it is lost. */
  get maySendAgain() {
    return this.#retries > 0
  }

  /** An executor says that it holds the request. */
  held(executorId: string, state: State) {
    this.#executorId = executorId
    this.obstacles.hasFoundNobody = false
    this.#owner.suspects.found(this)
    this.options.onState?.(state)
  }

  /**
   * Nobody holds the request any more: sends it again, after a pause if that is called for. `hasDied`: whether an executor died while
   * it computed it; undefined if the server can tell, which knows whether anybody is there. `cause`: what was said of it.
   */
  lost(hasDied: boolean | undefined, pause = 0, cause?: RequestError) {
    // Where nobody is, what was sent again was not even received: who receives such says so first.
    if (!this.isDeserted) this.#retries--
    this.losses++
    if (this.#retries < 0)
      return this.#reject(new RequestLostError('the request was lost with its executor', this.details({ cause })))
    if (hasDied && this.#countDeath()) return
    this.#isUncertain = hasDied === undefined
    if (pause > 0) this.#tryAgain(pause)
    else if (this.#isUncertain) this.send()
    else this.start()
  }

  /** Counts a death; whether it was one too many. `isTakenOver`: another executor has the request now, and is to let it go then. */
  #countDeath(isTakenOver = false) {
    const executorId = this.#executorId
    this.#executorId = undefined
    if (!this.#deaths.add(executorId)) return false
    if (isTakenOver) this.#owner.watcher.cancel(this.#watch)
    this.#reject(this.#deaths.error(this.details()))
    return true
  }

  /** There may be room: ends a pause; false if there is none. */
  tryNow(): boolean {
    const isPaused = !this.isSettled && !this.isSent && !this.#isQueued && this.obstacles.refusal !== undefined
    if (isPaused) this.start()
    return isPaused
  }

  /** Its signal is aborted. */
  cancel(reason: unknown) {
    this.#cancel('the call was cancelled', true, { cause: reason })
  }

  /** Its client is closed. */
  close(text: string) {
    this.#cancel(text, !this.options.isDetached)
  }

  /** `isToldToo`: its executor ends it as well. */
  #cancel(text: string, isToldToo: boolean, cause?: ErrorDetails) {
    if (this.isSettled) return
    if (isToldToo) this.#owner.watcher.cancel(this.#watch)
    this.#reject(new CancelledError(text, this.details(cause)))
  }

  /** The connection is closed, or refused. */
  fail({ message, cause }: Error) {
    this.#reject(new ConnectionError(message, this.details({ cause })))
  }

  #awaitConnection() {
    this.obstacles.clear()
    this.#owner.watcher.forget(this.#watch)
    this.#owner.connection().then(
      () => this.start(),
      error => this.fail(error),
    )
  }

  #tryAgain(after: number) {
    this.#owner.watcher.forget(this.#watch)
    // A timer that is set for more than it can count ends at once; and it is to hear of somebody within its timeout.
    this.#pause = setTimeout(() => this.start(), Math.min(after, this.options.timeout / 2))
  }

  onFailure(error: NatsError, token: string) {
    // An earlier attempt, or a settled call's: the newest one decides.
    if (this.isSettled || !this.#outgoing.isNewest(token)) return
    const target = this.#target
    const { inbox } = this.#owner
    const sending = { body: this.#outgoing.body, inbox, isDirect: target !== undefined }
    const fatal = unsentError(error, sending, this.details({ cause: error }))
    if (fatal) return this.#reject(fatal)
    this.#outgoing.forget()
    this.#outgoing.attempts--
    if (target !== undefined) {
      this.#owner.watcher.missing(target)
      return this.send(true)
    }
    this.obstacles.refusal = undefined
    if (this.#isUncertain && this.#countDeath()) return
    this.#isUncertain = false
    this.obstacles.hasFoundNobody = true
    this.#tryAgain(this.#pauseMs(false))
  }

  onReply(message: Msg, token: string) {
    if (this.isSettled) return
    const answer = readReply(message, this)
    if (answer.kind === 'result') {
      this.#owner.watcher.met(answer.reply.executorId)
      if (this.#settle()) this.done.resolve(this.#isWhole ? answer.reply : answer.reply.result)
    } else if (answer.kind === 'notice') this.#noticed(answer.notice)
    else if (answer.kind === 'error') this.#failed(answer.error)
    else if (answer.kind === 'strange') this.obstacles.stranger ??= answer.text
    // A refusal counts for the newest attempt alone, an older one's has been seen to.
    else if (this.#outgoing.isNewest(token)) {
      this.#outgoing.forget()
      const { error, afterMs, hasStarted } = answer
      this.#owner.watcher.met(error.executorId)
      this.obstacles.refused(error)
      if (hasStarted) return this.lost(false, this.losses === 0 ? 0 : this.#pauseMs(false), error)
      const isOverloaded = error.code === Code.overloaded
      this.#tryAgain(afterMs * (1 + Math.random()) + this.#pauseMs(isOverloaded))
      if (isOverloaded) this.#hasNoRoom()
    }
  }

  /** How long it pauses after one more try that was in vain, in milliseconds. */
  #pauseMs(isOverloaded: boolean) {
    return this.#owner.backoff.pause(this.obstacles.tries++, isOverloaded)
  }

  /** That the timeout is over its executor may say earlier than the timer of a busy client. */
  #failed(error: RequestError) {
    this.#owner.watcher.met(error.executorId)
    const isOver = error.code === Code.deadline && this.#deadline.isOver
    this.#reject(isOver ? noAnswer(this.options.timeout, this.details({ cause: error })) : error)
  }

  #noticed(notice: Notice) {
    const losses = this.#outgoing.lossesBefore(notice.attempt)
    if (losses > this.losses) {
      // Another executor has taken it over from one that is gone. Who says it of its own has had it of somebody else.
      this.losses = losses
      if (notice.executorId !== this.#executorId && this.#watch.state === 'computing' && this.#countDeath(true)) return
    }
    this.#owner.watcher.noticed(this.#watch, notice)
    if (notice.progress !== undefined && !this.isSettled) tellProgress(this.options.onProgress, notice.progress)
  }

  /** All backlogs are full: it waits here. */
  #hasNoRoom() {
    this.obstacles.refusedAt = performance.now()
    this.#owner.suspects.seen(this)
    this.#owner.backoff.refused(this)
    this.options.onState?.('waiting')
  }

  seenAt(now: number) {
    const { watcher, suspects } = this.#owner
    return Math.max(this.obstacles.refusedAt, suspects.seenAt(this), watcher.seenAt(this.#watch, now))
  }

  giveUp() {
    const { timeout, isPatient } = this.options
    const sentMs = this.isSent ? performance.now() - this.#watch.sentAt : undefined
    const { inbox } = this.#owner
    const wasLost = this.#isUncertain && inbox !== undefined
    const isTaken = !this.isDeserted && (this.obstacles.isTaken(sentMs, wasLost) || (this.#isQueued && !isPatient))
    const wait = { timeout, isTaken, missing: this.#owner.whoIsMissing(), inbox: inbox?.subject }
    this.#reject(this.obstacles.error(wait, this.details()))
  }

  details(more: ErrorDetails = {}): ErrorDetails {
    const executorId = this.#executorId ?? this.#deaths.latestId
    return { requestId: this.id, executorId, attempts: this.#outgoing.attempts, losses: this.losses, ...more }
  }

  #reject(error: Error) {
    if (this.#settle()) this.done.reject(error)
  }

  #settle() {
    if (this.isSettled) return false
    this.isSettled = true
    this.#deadline.clear()
    clearTimeout(this.#pause)
    this.#outgoing.forgetAll()
    this.#owner.settled(this)
    this.#owner.watcher.forget(this.#watch)
    if (this.losses > 0 && !this.options.isDetached) this.#owner.watcher.dismiss(this.#watch)
    return true
  }
}
