// Requests move from executors that are busy to executors that are free, without anything in the middle.
//
// An executor with a free slot is a member of the idle group, a busy one with nothing that waits of the next group, and one
// whose backlog does not move of the surplus group: these are queue groups, and a server answers "no responders" when there is
// no member.
//
//   offer   busy → one of the idle group    the oldest request, which is its own   empty, or 503 (nobody is idle)
//                                           from here on
//           or → one of the next group      the newest one, if others wait before
//                                           it, which is its own from here on
//   ask     → one of the surplus group      "what is older than mine?"             a give, empty (nothing), or 503
//   give    → the executor that asked       the request: from here on it is its    503 (gone meanwhile)
//
// An executor that found nothing to do is a member of the requests' own queue group many times over, so NATS brings it most of
// them and few are to be moved.
//
// So a request is in the hands of exactly one executor: the server's 503, which says that nobody got it, brings it back. An
// offer that nobody answers (see `#unanswered`) comes back if its client cannot find out by itself. One that comes to an
// executor that is idle no longer stays there and is surplus like the rest. There is one offer at a time, and the next one
// waits until the last was answered: an executor that is in the idle group and does not answer, since it was paused, gets few.
//
// When a computation turns out to be long, or starts after a long one, its executor asks for a request that is older than its
// own oldest: it knows the next one before a slot is free (work stealing, but oldest first). It asks whom it knows to have the
// oldest, since asks, gives and their answers tell the age of their sender's oldest request, or else one of the surplus group.
// One that was idle until then need not ask: there was no surplus. Nor need one whose last question has no answer yet. When a
// computation ends, the next one starts at once, unless somebody is known to have a much older request: see precedence.ts.
//
// An executor with nothing to do joins the idle group and then asks for surplus; one that is stuck joins the surplus group and
// then offers. Each joins before it asks or offers, and the server sees both in this order, so at least one of two finds the
// other; and an offer that is out keeps its executor in the surplus group.
import { isOpen } from '../../nats/connection.js'
import type { Msg, NatsConnection } from '../../nats/nats.js'
import { type Ask, Correspondence, type Sent, inboxOf } from './correspondence.js'
import { ageOf, canBeGiven, readGiven, sinceOf } from './given.js'
import { EndedSubscriptions } from '../../nats/ended-subscriptions.js'
import { Group } from './group.js'
import type { Job } from '../job.js'
import { KnownAges } from './known-ages.js'
import type { Pool } from '../../slots/pool.js'
import { Precedence } from './precedence.js'
import { idleSubject, nextSubject, surplusSubject } from '../../protocol/subjects.js'

/**
 * An idle executor looks for surplus again after this long, since interest may travel late, and then less and less often; one
 * that is stuck offers again. Up to as much is added by chance.
 */
const LOOK_AGAIN_MS = { first: 750, most: 12_000 }
/** An offer or an ask without an answer is given up after this long. */
const UNANSWERED_MS = 1000
/** When nobody was in the next group, it is tried again after this at the earliest. */
const NEXT_AGAIN_MS = 50
/** How many memberships of the requests' own group an idle executor has, besides that of every executor. */
const MORE_MEMBERSHIPS = 10
/** How often to ask again when nothing was left. */
const TRIES = 1

export interface HandoverOwner {
  /** A message on the requests' own subject. */
  arrived(message: Msg): void
  /** A request came from another executor. */
  received(request: Job): void
  /** A request is about to leave. */
  leaving(request: Job): void
}

export class Handover {
  readonly #counts = { offered: 0, taken: 0, refused: 0, asked: 0, handed_over: 0, received: 0 }
  readonly #nc: NatsConnection
  readonly #pool: Pool<Job>
  readonly #owner: HandoverOwner
  readonly #idle: Group
  readonly #preferred: Group
  readonly #next: Group
  readonly #surplus: Group
  readonly #ended: EndedSubscriptions
  readonly #correspondence: Correspondence
  readonly #ages = new KnownAges()
  readonly #precedence = new Precedence(
    this.#ages,
    executor => this.#askFor(0, executor).token,
    () => this.#pool.resume(),
  )
  /** The offer that has no answer yet. */
  #offer: { sent: Sent; isToIdle: boolean } | undefined
  /** Since this executor joined the surplus group an offer found nobody: who gets idle from here on asks by itself. */
  #nobodyIsIdle = false
  #nextTry = 0
  #isUp = true
  /** This executor was idle when its computation started, and has had nothing that waits since. */
  #wasIdle = false
  /** What comes in at this moment was surplus where it comes from. */
  #isTaking = false
  /** Who gave the last request has more. */
  #isMore = false
  #timer: NodeJS.Timeout | undefined
  #pause = LOOK_AGAIN_MS.first
  #isStopping = false
  /** What still comes is computed here: nobody would hear that an offer found nobody. */
  #isClosed = false

  constructor(nc: NatsConnection, queue: string, subject: string, pool: Pool<Job>, owner: HandoverOwner) {
    this.#nc = nc
    this.#pool = pool
    this.#owner = owner
    const ended = (this.#ended = new EndedSubscriptions(nc))
    this.#idle = new Group(nc, idleSubject(queue, subject), queue, ended, message => this.#offered(message, false))
    this.#preferred = new Group(nc, subject, queue, ended, message => owner.arrived(message), MORE_MEMBERSHIPS)
    this.#next = new Group(nc, nextSubject(queue, subject), queue, ended, message => this.#offered(message, true))
    this.#surplus = new Group(nc, surplusSubject(queue, subject), queue, ended, message => this.#asked(message))
    this.#correspondence = new Correspondence(nc, {
      asked: message => this.#asked(message),
      answered: (ask, message) => this.#answered(ask, message),
      settled: (sent, isNobody) => this.#settled(sent, isNobody),
    })
  }

  /** For the statistics. */
  get counts() {
    return { ...this.#counts, messages: this.#correspondence.messages }
  }

  start() {
    this.#correspondence.start()
    this.#lookIn(LOOK_AGAIN_MS.first)
    this.moved()
  }

  /** The connection was lost, or is back. */
  connected(isUp: boolean) {
    this.#isUp = isUp
    this.#ended.connected(isUp)
    this.#lookSoon()
    this.#nobodyIsIdle = false
  }

  /** Requests left the backlog, or a slot became free. */
  moved() {
    if (this.#pool.waiting > 0) return
    if (!this.#offer) this.#surplus.leave()
    if (this.#isStopping || !this.#correspondence.isOpen) return
    if (this.#pool.freeSlots === 0) {
      this.#joinNext()
      return
    }
    this.#next.leave()
    if (this.#idle.isMember && !this.#isMore) return
    this.#isMore = false
    this.#idle.join()
    this.#lookSoon()
    this.#ask(TRIES)
  }

  /** No slot is free any more. */
  saturated() {
    this.#wasIdle = this.#idle.isMember && !this.#isTaking
    this.#leaveIdle()
    this.#joinNext()
  }

  /** A computation has turned out to be long. */
  turnedLong() {
    if (!this.#pool.isSaturated || this.#isStopping) return
    this.#leaveIdle()
    this.#joinNext()
    if (!this.#wasIdle && !this.#correspondence.isAsking) this.#ask(0)
  }

  /** No slot is going to be free soon, and the backlog has grown. */
  stuck() {
    if (this.#isClosed) return
    this.#wasIdle = false
    this.#leaveIdle()
    this.#next.leave()
    if (!this.#surplus.isMember) {
      // What comes from surplus was offered there: nobody is idle.
      this.#nobodyIsIdle = this.#isTaking
      this.#surplus.join()
      this.#lookSoon()
    }
    this.#sendOffer()
  }

  /** Whether an older request, which another executor has, is to be computed before this one. */
  isOutranked(request: Job) {
    return !this.#isStopping && this.#precedence.outranking(request.since) !== undefined
  }

  /** Fetches it. What comes, or does not come, the pool is told to resume. */
  fetchBefore(request: Job) {
    // Another question that is under way may bring it.
    if (this.#isStopping || !this.#isUp || this.#correspondence.isAsking) return false
    return this.#precedence.fetch(request.since)
  }

  /** Takes no more from others and gives away what is here, or takes part again. */
  takesNoMore(isStopping: boolean) {
    this.#isStopping = isStopping
    if (!isStopping) return this.moved()
    this.#leaveIdle()
    this.#next.leave()
    if (this.#pool.waiting > 0) this.stuck()
  }

  /** Whether a request may still come here. */
  get isExpecting() {
    return this.#correspondence.isAsking || this.#offer !== undefined
  }

  async close() {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#precedence.close()
    this.#surplus.leave()
    this.#leaveIdle()
    this.#next.leave()
    // It asks the server, so nothing is on its way to the others either.
    await this.#correspondence.close()
    if (this.#offer) this.#unanswered(this.#offer.sent.request)
    this.#ended.clear()
  }

  /** Somebody has told how old its oldest request is. */
  #note(inbox: string, since: number | undefined) {
    this.#ages.note(inbox, since)
    this.#pool.reconsider()
  }

  #leaveIdle() {
    this.#idle.leave()
    this.#preferred.leave()
  }

  #joinNext() {
    if (!this.#isStopping && this.#pool.waiting === 0 && this.#pool.isSaturated) this.#next.join()
  }

  #sendOffer() {
    // What is published without a connection is lost.
    if (this.#offer || !this.#isUp) return
    const isToIdle = !this.#nobodyIsIdle
    if (!isToIdle && performance.now() < this.#nextTry) return
    const request = isToIdle ? this.#pool.take(this.#mayLeave) : this.#pool.takeSpare(this.#mayLeave)
    if (!request) return
    this.#counts.offered++
    this.#offer = { sent: this.#sendAway(request, isToIdle ? this.#idle.subject : this.#next.subject), isToIdle }
  }

  #offered(message: Msg, isSurplus: boolean) {
    if (!message.reply) return
    this.#correspondence.answerTaken(message.reply)
    this.#received(message, isSurplus)
  }

  #ask(tries: number) {
    // An idle executor asks the group first: what is known may be out of date, and it has no time to lose.
    this.#askFor(tries, tries > 0 ? undefined : this.#ages.oldest(this.#pool.oldest?.since ?? performance.now()))
  }

  #askFor(tries: number, executor: string | undefined) {
    this.#counts.asked++
    return this.#correspondence.ask(this.#surplus.subject, executor, this.#age(), tries)
  }

  /** An executor asks for a request that is older than the one that it names. */
  #asked(message: Msg) {
    const { reply } = message
    if (!reply) return
    const theirs = sinceOf(message.string())
    const oldest = this.#pool.oldest
    const isOlder = ({ since }: Job) => !(theirs !== undefined && theirs <= since)
    const request =
      oldest && isOlder(oldest) && !this.#correspondence.isOwn(reply)
        ? this.#pool.take(each => isOlder(each) && this.#mayLeave(each))
        : undefined
    this.#note(inboxOf(reply), theirs && request ? request.since : theirs)
    if (request) {
      this.#counts.handed_over++
      this.#sendAway(request, reply)
    } else this.#correspondence.answerNothing(reply, this.#age())
    this.moved()
  }

  /** One that fills a message to the last bytes stays: its headers would not fit. */
  readonly #mayLeave = (request: Job) => canBeGiven(request, this.#nc.info?.max_payload ?? Infinity)

  #sendAway(request: Job, to: string): Sent {
    this.#owner.leaving(request)
    return this.#correspondence.send(request, to, this.#age())
  }

  /** Takes a request in; `isSurplus`: it was surplus where it comes from. Undefined if the message brings none. */
  #received(message: Msg, isSurplus: boolean) {
    const given = readGiven(message)
    if (!given) return undefined
    this.#counts.received++
    if (message.reply) this.#note(inboxOf(message.reply), sinceOf(given.nextAge))
    this.#isTaking = isSurplus
    try {
      this.#owner.received(given.request)
    } finally {
      this.#isTaking = false
    }
    return given
  }

  #answered(ask: Ask | undefined, message: Msg | undefined) {
    if (message) this.#found(ask, message)
    else if (ask?.asked) this.#note(ask.asked, undefined)
    if (ask) this.#precedence.answered(ask.token)
    // It takes a tenth of a millisecond, so not before the reply and the question have left.
    if (this.#idle.isMember && !this.#correspondence.isAsking) this.#preferred.join()
  }

  /** Somebody was there and gives a request, or has nothing older. */
  #found(ask: Ask | undefined, message: Msg) {
    const given = this.#received(message, true)
    if (given) {
      this.#isMore = given.nextAge !== ''
      return
    }
    if (message.reply) this.#note(inboxOf(message.reply), sinceOf(message.string()))
    if (ask && ask.tries > 0 && !this.#isStopping && this.#pool.freeSlots > 0) this.#ask(ask.tries - 1)
  }

  /** What became of a request that was sent away. */
  #settled(sent: Sent, isNobody: boolean) {
    const { request } = sent
    const offer = this.#offer?.sent === sent ? this.#offer : undefined
    if (offer) this.#offer = undefined
    if (isNobody) {
      if (offer) {
        this.#counts.refused++
        if (offer.isToIdle) this.#nobodyIsIdle = true
        else this.#nextTry = performance.now() + NEXT_AGAIN_MS
      } else this.#counts.handed_over--
      request.isGone = false
      this.#owner.received(request)
    } else if (offer) {
      this.#counts.taken++
      this.#counts.handed_over++
    }
    if (offer && this.#pool.waiting === 0) this.moved()
    else if (offer && this.#surplus.isMember) this.stuck()
  }

  readonly #lookAgain = () => {
    if (!isOpen(this.#nc)) return
    const { asks, sent } = this.#correspondence.giveUp(performance.now() - UNANSWERED_MS)
    // Who does not answer is paused, or lies.
    for (const { asked } of asks) if (asked) this.#note(asked, undefined)
    this.#nobodyIsIdle = false
    for (const each of sent) if (this.#offer?.sent === each) this.#unanswered(each.request)
    if (this.#surplus.isMember && this.#pool.waiting > 0) this.#sendOffer()
    else if (this.#surplus.isMember) this.moved()
    else if (this.#idle.isMember && this.#pool.freeSlots > 0) {
      this.#preferred.join()
      this.#ask(TRIES)
    }
    this.#lookIn(this.#idle.isMember ? Math.min(LOOK_AGAIN_MS.most, 2 * this.#pause) : LOOK_AGAIN_MS.first)
  }

  /**
   * Somebody listens who does not answer: one of the group that was paused, or a stranger who watches. A client that gave its
   * request an id finds out that nobody has it; another cannot.
   */
  #unanswered(request: Job) {
    this.#offer = undefined
    // It may be that nobody is: until the next look requests stay here.
    this.#nobodyIsIdle = true
    if (request.isNamed) return
    request.isGone = false
    this.#owner.received(request)
  }

  #lookIn(pause: number) {
    this.#pause = pause
    clearTimeout(this.#timer)
    if (!this.#isClosed) this.#timer = setTimeout(this.#lookAgain, pause * (1 + Math.random()))
  }

  /** Something has changed: what is seldom looked for is looked for soon. */
  #lookSoon() {
    if (this.#pause > LOOK_AGAIN_MS.first) this.#lookIn(LOOK_AGAIN_MS.first)
  }

  /** How long the oldest request has waited here, as a message says it. */
  #age() {
    const { oldest } = this.#pool
    return oldest ? ageOf(oldest) : ''
  }
}
