// What this executor holds, for those who ask: `$EXEC.held.<id>` tells that a request is here, and cancels it. A reply is
// held, too, until the server has it: what was answered while the connection was down is answered after it is back.
//
// States of a named request: held (in `#byId`) → told of (subscribed, from TELL_AFTER_MS on) → answered. An answer that is
// given while the connection is up and nobody could ask for the request yet leaves at once. Any other is kept with its
// subscription until the server has answered a flush that was sent after it. It is sent again when the connection was lost
// before that, and when the server says that its client is not there: it may come back later than we do.
import { type Msg, type NatsConnection, type Subscription, createInbox } from '../nats/nats.js'
import type { Job } from './job.js'
import { MOST_INBOXES } from '../protocol/request.js'
import { isOpen } from '../nats/connection.js'
import { headersOf } from '../nats/headers.js'
import { subscribeSafely } from '../nats/subscribe-safely.js'
import { inboxPrefix } from '../nats/nats-internals.js'
import { Code } from '../protocol/codes.js'
import { heldSubject } from '../protocol/subjects.js'
import type { Answer, Replies } from './replies.js'

/** Only a request that is here for this long is worth a subscription. */
const TELL_AFTER_MS = 100
const LOOK_MS = 25
/** A client that is not back after a lost connection is tried again after this, for at most that long. */
const AGAIN_MS = 100
const AGAIN_FOR_MS = 10_000
/** When somebody may ask again whose request is here for others. */
const RETRY_AFTER_MS = 1000

type Kept = { request: Job; answer: Answer; until: number }

export class Holding {
  readonly #nc: NatsConnection
  readonly #replies: Replies
  readonly #cancel: (request: Job) => void
  readonly #byId = new Map<string, Job>()
  readonly #told = new Map<Job, Subscription>()
  /** Sent, for all that is known; by token. */
  readonly #kept = new Map<string, Kept>()
  /** Not sent, since their clients are not there; by the timer that tries again. */
  readonly #away = new Map<NodeJS.Timeout, Kept>()
  readonly #inbox: string
  #returns: Subscription | undefined
  #isUp = true
  #isFlushing = false
  #timer: NodeJS.Timeout | undefined
  #tokens = 0

  constructor(nc: NatsConnection, replies: Replies, cancel: (request: Job) => void) {
    this.#nc = nc
    this.#replies = replies
    this.#cancel = cancel
    this.#inbox = createInbox(inboxPrefix(nc))
  }

  /** Whether answers are here that the server may not have. */
  get isDelivering() {
    return this.#kept.size + this.#away.size > 0
  }

  /** Takes note of a request; false if it is here already, sent once more: then its one answer goes to both. */
  add(request: Job): boolean {
    if (!request.isNamed) return true
    const same = this.#byId.get(request.id)
    if (same) {
      // An id that somebody uses for something else as well is that one's own affair.
      if (Buffer.compare(same.body, request.body) !== 0) return true
      for (const inbox of request.replyTo) {
        if (same.replyTo.includes(inbox)) continue
        if (same.replyTo.length < MOST_INBOXES) same.replyTo.push(inbox)
        else this.#replies.send([inbox], this.#tooOften(request))
      }
      if (same.isGone) this.#sendAgain()
      return false
    }
    this.#byId.set(request.id, request)
    // One that others have held before may be asked for at once.
    if (performance.now() - request.since >= TELL_AFTER_MS) this.#tell(request)
    this.#timer ??= setTimeout(this.#look, LOOK_MS)
    return true
  }

  /** The request is in other hands from now on. */
  release(request: Job) {
    if (this.#byId.get(request.id) !== request) return
    this.#byId.delete(request.id)
    // Drained, since a question on its way must be answered.
    void this.#told
      .get(request)
      ?.drain()
      .catch(() => {})
    this.#told.delete(request)
  }

  /** Sends the answer, and keeps it as long as that is called for. */
  answer(request: Job, answer: Answer) {
    const isHeld = this.#byId.get(request.id) === request
    if (this.#isUp && !this.#told.has(request)) {
      this.#replies.send(request.replyTo, answer)
      if (isHeld) this.#byId.delete(request.id)
      return
    }
    // What is kept must not keep the whole packet alive that it came in.
    answer.body = new Uint8Array(answer.body)
    this.#keep({ request, answer, until: Math.min(request.deadline, performance.now() + AGAIN_FOR_MS) })
  }

  /** The connection was lost, or is back. */
  connected(isUp: boolean) {
    this.#isUp = isUp
    if (isUp) this.#sendAgain()
  }

  async close() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const timer of this.#away.keys()) clearTimeout(timer)
    this.#away.clear()
    for (const request of this.#told.keys()) this.release(request)
    await this.#returns?.drain()
  }

  #tooOften(request: Job) {
    const text = `the request is here already, for ${MOST_INBOXES} inboxes`
    return this.#replies.error(request, Code.overloaded, text, undefined, RETRY_AFTER_MS)
  }

  readonly #look = () => {
    const before = performance.now() - TELL_AFTER_MS
    for (const request of this.#byId.values()) if (request.since <= before && !request.isGone) this.#tell(request)
    this.#timer = this.#byId.size > 0 ? setTimeout(this.#look, LOOK_MS) : undefined
  }

  #tell(request: Job) {
    if (this.#told.has(request) || !isOpen(this.#nc)) return
    this.#told.set(
      request,
      subscribeSafely(this.#nc, heldSubject(request.id), message => this.#asked(request, message)),
    )
  }

  #asked(request: Job, message: Msg) {
    // It may have been handed over while this was on its way; who holds it now is asked next.
    const isHere = this.#byId.get(request.id) === request
    const isCancel = isHere && !request.isGone && message.string() === 'cancel'
    if (isCancel) this.#cancel(request)
    const state = !isHere
      ? 'gone'
      : isCancel
        ? 'cancelled'
        : request.isGone
          ? 'answered'
          : request.slot?.isRunning(request)
            ? 'computing'
            : 'waiting'
    message.respond(
      JSON.stringify({
        state,
        executorId: this.#replies.executorId,
        heldMs: Math.round(performance.now() - request.arrivedAt),
      }),
    )
  }

  /** Forgets the answers that the server has; to be called when all that are kept have been sent. */
  #confirm() {
    if (this.#isFlushing) return
    this.#isFlushing = true
    const tokens = [...this.#kept.keys()]
    this.#nc.flush().then(
      () => {
        this.#isFlushing = false
        for (const token of tokens) this.#forget(token)
        if (this.#kept.size > 0) this.#confirm()
      },
      // The connection was lost: all of them are sent again when it is back, if it is not yet.
      () => {
        this.#isFlushing = false
        if (this.#isUp && !this.#nc.isClosed() && this.#kept.size > 0) this.#confirm()
      },
    )
  }

  #forget(token: string) {
    const kept = this.#kept.get(token)
    if (!kept) return
    this.#kept.delete(token)
    this.release(kept.request)
  }

  #sendAgain() {
    if (this.#kept.size === 0) return
    for (const [token, kept] of this.#kept) this.#send(token, kept)
    this.#confirm()
  }

  #keep(kept: Kept) {
    const token = String(++this.#tokens)
    this.#kept.set(token, kept)
    if (!this.#isUp) return
    this.#send(token, kept)
    this.#confirm()
  }

  /** Sends an answer so that the server says whether its client is there: it may be back later than we are. */
  #send(token: string, { request, answer }: Kept) {
    if (!isOpen(this.#nc)) return
    this.#returns ??= subscribeSafely(this.#nc, `${this.#inbox}.*`, message => this.#returned(message))
    this.#replies.send(request.replyTo, answer, `${this.#inbox}.${token}`)
  }

  /** A client is not there: tries again in a while. */
  #returned(message: Msg) {
    if (headersOf(message)?.code !== 503) return
    const token = message.subject.slice(this.#inbox.length + 1)
    const kept = this.#kept.get(token)
    if (!kept) return
    this.#kept.delete(token)
    if (performance.now() > kept.until) {
      this.release(kept.request)
      return
    }
    const timer = setTimeout(() => {
      this.#away.delete(timer)
      this.#keep(kept)
    }, AGAIN_MS)
    this.#away.set(timer, kept)
  }
}
