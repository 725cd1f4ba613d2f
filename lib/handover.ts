// Requests move from executors that are busy to executors that are free, without anything in the middle.
//
// An executor with a free slot is a member of the idle group, one whose backlog does not move of the surplus group: both
// are queue groups, and a server answers "no responders" when there is no member. Nothing is moved that was not asked for:
//
//   nudge   busy → one of the idle group    "I have surplus"                     answered by an ask, a refusal or 503
//   ask     → one of the surplus group      "what is older than mine?"           answered by a give, nothing or 503
//           or → the executor that nudged
//   give    → the executor that asked       the request; from here on it is its  503 (gone meanwhile): taken back
//
// So a nudge that is late, lost or refused costs a question and never a request, and a request is always in the hands of
// exactly one executor. An ask's answer is awaited however late it comes.
//
// When a computation turns out to be long, its executor asks for a request that is older than its own oldest: it knows the
// next one before a slot is free (work stealing, but oldest first). An executor with nothing to do joins the idle group and
// then looks for surplus; one that is stuck joins the surplus group and then looks for idle ones. Each joins before it
// looks, and the server sees both in this order, so at least one of two finds the other.
import { type Msg, type NatsConnection, type Subscription, createInbox, headers } from 'nats'
import { inboxPrefix } from './connection.js'
import type { HeldRequest } from './held-request.js'
import { readGiven } from './intake.js'
import { listen } from './listen.js'
import type { Pool } from './pool.js'
import { Header, idleSubject, surplusSubject } from './protocol.js'

/** An idle executor looks for surplus again after this long, plus up to as much by chance: interest may travel late. */
const LOOK_AGAIN_MS = 750
/** A nudge or an ask without an answer is given up after this long. */
const UNANSWERED_MS = 1000
/** An idle executor that refuses a nudge is about to leave the group: the next one is asked after this long. */
const REFUSED_MS = 1
/** How often in a row to ask again when nothing was left. */
const TRIES = 4

const NOTHING = new Uint8Array(0)

type Ask = { at: number; idle: boolean; tries: number }

export interface HandoverOwner {
  /** A request came from another executor. */
  received(request: HeldRequest): void
  /** A request is about to leave. */
  leaving(request: HeldRequest): void
}

export class Handover {
  /** For the statistics. */
  readonly counts = { nudged: 0, refused: 0, asked: 0, handed_over: 0, received: 0, returned: 0, messages: 0 }
  readonly #nc: NatsConnection
  readonly #pool: Pool
  readonly #owner: HandoverOwner
  readonly #idleSubject: string
  readonly #surplusSubject: string
  readonly #queue: string
  readonly #inbox: string
  #answers: Subscription | undefined
  #idle: Subscription | undefined
  #surplus: Subscription | undefined
  #asks = new Map<string, Ask>()
  #given = new Map<string, HeldRequest>()
  #isFlushing = false
  #nudge: { token: string; at: number } | undefined
  #nudgeTimer: NodeJS.Timeout | undefined
  /** Since this executor joined the surplus group a nudge found nobody: who gets idle from here on looks by itself. */
  #nobodyIsIdle = false
  #tokens = 0
  #timer: NodeJS.Timeout | undefined
  #isStopping = false

  constructor(nc: NatsConnection, queue: string, subject: string, pool: Pool, owner: HandoverOwner) {
    this.#nc = nc
    this.#pool = pool
    this.#owner = owner
    this.#queue = queue
    this.#idleSubject = idleSubject(queue, subject)
    this.#surplusSubject = surplusSubject(queue, subject)
    this.#inbox = createInbox(inboxPrefix(nc))
  }

  start() {
    this.#answers = listen(this.#nc, `${this.#inbox}.*`, message => this.#answered(message))
    this.#timer = setTimeout(this.#lookAgain, LOOK_AGAIN_MS)
    this.moved()
  }

  /** Requests left the backlog, or a slot became free. */
  moved() {
    if (this.#pool.waiting > 0) return
    this.#leaveSurplus()
    if (this.#idle || this.#isStopping || !this.#answers || this.#pool.freeSlots === 0) return
    this.#idle = listen(this.#nc, this.#idleSubject, message => this.#nudged(message), { queue: this.#queue })
    this.#ask(this.#surplusSubject, { idle: true, tries: TRIES })
  }

  /** No slot is free any more. */
  saturated() {
    this.#leaveIdle()
  }

  /** A computation has turned out to be long. */
  turnedLong() {
    if (this.#pool.isSaturated && !this.#isStopping) this.#ask(this.#surplusSubject, { idle: false, tries: 0 })
  }

  /** No slot is going to be free soon, and the backlog has grown. */
  stuck() {
    this.#leaveIdle()
    if (!this.#surplus) {
      this.#nobodyIsIdle = false
      this.#surplus = listen(this.#nc, this.#surplusSubject, message => this.#asked(message), { queue: this.#queue })
    }
    if (!this.#nudge && !this.#nudgeTimer && !this.#nobodyIsIdle) this.#sendNudge()
  }

  /** Takes no more from others and gives away what is here. */
  stop() {
    this.#isStopping = true
    this.#leaveIdle()
    if (this.#pool.waiting > 0) this.stuck()
  }

  /** Whether an answer may still come that brings a request. */
  get isExpecting() {
    return this.#asks.size > 0
  }

  async close() {
    clearTimeout(this.#timer)
    clearTimeout(this.#nudgeTimer)
    this.#leaveSurplus()
    this.#leaveIdle()
    await this.#answers?.drain()
  }

  #leaveIdle() {
    // Drained, since what is on its way must be answered.
    void this.#idle?.drain().catch(() => {})
    this.#idle = undefined
  }

  #leaveSurplus() {
    void this.#surplus?.drain().catch(() => {})
    this.#surplus = undefined
  }

  #sendNudge() {
    const token = `n${++this.#tokens}`
    this.#nudge = { token, at: performance.now() }
    this.counts.nudged++
    this.#send(this.#idleSubject, NOTHING, token)
  }

  #nudged(message: Msg) {
    if (!message.reply) return
    let expected = 0
    for (const { idle } of this.#asks.values()) if (idle) expected++
    if (this.#isStopping || this.#isOwn(message.reply) || this.#pool.freeSlots <= expected) {
      this.counts.messages++
      message.respond(NOTHING)
    } else this.#ask(message.reply, { idle: true, tries: 0 })
  }

  #ask(subject: string, ask: Omit<Ask, 'at'>) {
    const token = `a${++this.#tokens}`
    this.#asks.set(token, { ...ask, at: performance.now() })
    this.counts.asked++
    const oldest = this.#pool.oldest
    this.#send(subject, oldest ? Buffer.from(waited(oldest)) : NOTHING, token)
  }

  /** An executor asks for a request that is older than the one that it names. */
  #asked(message: Msg) {
    const { reply } = message
    if (!reply) return
    const theirs = Number(message.string() || -1)
    const oldest = this.#pool.oldest
    const isWanted = oldest && !this.#isOwn(reply) && !(theirs >= performance.now() - oldest.since)
    const request = isWanted ? this.#pool.take() : undefined
    if (request) this.#give(request, reply)
    else {
      this.counts.messages++
      this.#nc.publish(reply, NOTHING)
    }
    this.moved()
  }

  #give(request: HeldRequest, to: string) {
    this.#owner.leaving(request)
    this.counts.handed_over++
    const token = `g${++this.#tokens}`
    const head = headers()
    if (request.named) head.set(Header.requestId, request.id)
    if (request.deadline !== Infinity)
      head.set(Header.timeoutMs, Math.max(0, request.deadline - performance.now()).toFixed(3))
    head.set(Header.waitedMs, waited(request))
    head.set(Header.replyTo, request.replyTo.join(' '))
    this.#given.set(token, request)
    this.counts.messages++
    this.#nc.publish(to, request.body, { reply: `${this.#inbox}.${token}`, headers: head })
    this.#forgetGiven()
  }

  /** A give to somebody who is gone comes back before the server's answer to a flush; then the rest has arrived. */
  #forgetGiven() {
    if (this.#isFlushing) return
    this.#isFlushing = true
    const tokens = [...this.#given.keys()]
    void this.#nc
      .flush()
      .catch(() => {})
      .then(() => {
        for (const token of tokens) this.#given.delete(token)
        this.#isFlushing = false
        if (this.#given.size > 0) this.#forgetGiven()
      })
  }

  #answered(message: Msg) {
    const token = message.subject.slice(this.#inbox.length + 1)
    const isNobody = message.headers?.code === 503
    if (token[0] === 'a') this.#askAnswered(token, message, isNobody)
    else if (token[0] === 'n') this.#nudgeAnswered(token, message, isNobody)
    else if (isNobody) this.#giveReturned(token)
  }

  #askAnswered(token: string, message: Msg, isNobody: boolean) {
    const ask = this.#asks.get(token)
    this.#asks.delete(token)
    const request = readGiven(message)
    if (request) {
      this.counts.received++
      this.#owner.received(request)
    } else if (isNobody) this.counts.messages++
    else if (ask && ask.tries > 0 && !this.#isStopping && this.#pool.freeSlots > 0)
      this.#ask(this.#surplusSubject, { ...ask, tries: ask.tries - 1 })
  }

  #nudgeAnswered(token: string, message: Msg, isNobody: boolean) {
    const nudge = this.#nudge
    const isCurrent = nudge?.token === token
    if (isCurrent) this.#nudge = undefined
    if (message.reply) this.#asked(message)
    if (!isCurrent || !nudge) return
    if (isNobody) {
      this.counts.messages++
      this.#nobodyIsIdle = true
    } else if (this.#surplus && this.#pool.waiting > 0) {
      if (message.reply) this.#sendNudge()
      else {
        this.counts.refused++
        this.#nudgeTimer ??= setTimeout(() => {
          this.#nudgeTimer = undefined
          if (this.#surplus && !this.#nudge) this.#sendNudge()
        }, REFUSED_MS)
      }
    }
  }

  #giveReturned(token: string) {
    const request = this.#given.get(token)
    if (!request) return
    this.#given.delete(token)
    this.counts.returned++
    request.gone = false
    this.#owner.received(request)
  }

  readonly #lookAgain = () => {
    const late = performance.now() - UNANSWERED_MS
    for (const [token, { at }] of this.#asks) if (at < late) this.#asks.delete(token)
    if (this.#nudge && this.#nudge.at < late) this.#nudge = undefined
    if (this.#surplus && !this.#nudge) this.#sendNudge()
    else if (this.#idle && this.#pool.freeSlots > 0) this.#ask(this.#surplusSubject, { idle: true, tries: TRIES })
    this.#timer = setTimeout(this.#lookAgain, LOOK_AGAIN_MS * (1 + Math.random()))
  }

  #send(subject: string, body: Uint8Array, token: string) {
    this.counts.messages++
    this.#nc.publish(subject, body, { reply: `${this.#inbox}.${token}` })
  }

  #isOwn(reply: string) {
    return reply.startsWith(`${this.#inbox}.`)
  }
}

const waited = (request: HeldRequest) => (performance.now() - request.since).toFixed(3)
