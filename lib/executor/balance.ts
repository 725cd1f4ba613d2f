// Requests move from executors that are busy to executors that are free, at the word of a matchmaker, which is one of them.
//
// What this executor tells it (reporter.ts), who it is (election.ts) and what it decides (matchmaker.ts) are state machines of
// lib/matching/; this is their way into the world: messages, one timer, and the requests that are on their way to others.
import { Election, type ElectionAction } from '../matching/election.js'
import { Reporter } from '../matching/reporter.js'
import type { Msg } from '../nats/nats.js'
import { leastRttOf, rttOf } from '../nats/pings.js'
import { type Beacon, Dispatch, type Order, type Report } from '../protocol/dispatch.js'
import { parseBeacon, parseOrder } from '../protocol/dispatch.js'
import { Header } from '../protocol/headers.js'
import { line } from '../protocol/raw-headers.js'
import { Alarm } from '../slots/alarm.js'
import type { BalanceParts } from './balance-parts.js'
import { Departures } from './departures.js'
import type { Job } from './job.js'
import { Looks } from './looks.js'
import { Matchmaking } from './matchmaking.js'
import { onceATurn } from './once-a-turn.js'
import { fits, kindOf, readTransfer } from './transfer-message.js'

/** More than what the headers of a message take. */
const HEADERS_SIZE = 512

/** To a transfer, by what became of it. */
const ANSWERS = { added: Dispatch.taken, joined: Dispatch.taken, refused: Dispatch.refused, unfit: Dispatch.unfit }

export class Balance {
  /** How many messages were sent, each answer of a server that nobody is there among them. */
  messages = 0
  readonly #counts = { transferred: 0, received: 0 }
  readonly #parts: BalanceParts
  readonly #reporter: Reporter<Job>
  readonly #election: Election
  #matchmaking: Matchmaking | undefined
  readonly #tickets = new Map<string, Job>()
  readonly #departures: Departures
  readonly #alarm = new Alarm(() => this.#look())
  #reportToken = ''
  #ticketCount = 0
  readonly #looks = new Looks()
  #isUp = true
  #takesNoMore = false
  #isClosed = false

  constructor(parts: BalanceParts) {
    this.#parts = parts
    this.#reporter = new Reporter(parts.executorId)
    this.#election = new Election(parts.executorId)
    this.#departures = new Departures({
      post: parts.post,
      subjects: parts.subjects,
      left: (job, to) => {
        this.#counts.transferred++
        parts.left(job, to)
      },
      stays: job => {
        parts.stays(job)
        this.changed()
      },
      unfit: job => this.#reporter.back(job.ticket),
      deaf: executorId => {
        this.#reporter.deaf(executorId)
        this.changed()
      },
    })
  }

  get counts() {
    return { ...this.#counts, messages: this.messages }
  }

  /** Whether requests are on their way to others. */
  get isMoving() {
    return this.#departures.size > 0
  }

  /** Who keeps copies of our requests: the matchmaker, or, if we are it, anybody. */
  get keeper(): string | undefined {
    const { matchmaker } = this.#election
    return matchmaker === this.#parts.executorId ? this.#matchmaking?.another : matchmaker
  }

  start() {
    const { post, subjects, executorId } = this.#parts
    post.subscribe(subjects.peer(executorId), message => this.#peer(message))
    post.subscribe(subjects.pool, message => this.#pool(message))
    this.#reportToken = post.inbox.reserve({
      subject: subjects.match,
      onReply: () => {},
      onFailure: () => {
        this.messages++
        this.#act(this.#election.nobodyThere(performance.now()))
      },
    })
    this.connected(true)
  }

  /** A slot became free or busy, or requests that wait came or left: it is reported at the end of this turn, or a moment later. */
  changed() {
    if (this.#isClosed) return
    const { soonestAt } = this.#looks
    if (soonestAt > performance.now()) this.#alarm.ringBy(soonestAt)
    else this.#lookSoon()
  }

  /** A request is over. */
  over(job: Job) {
    if (this.#tickets.get(job.ticket) === job) this.#tickets.delete(job.ticket)
  }

  /** The key under which others know a request that is here. */
  ticketOf(job: Job): string {
    if (job.ticket === '') job.ticket = `${this.#parts.executorId.slice(0, 10)}-${(++this.#ticketCount).toString(36)}`
    this.#tickets.set(job.ticket, job)
    return job.ticket
  }

  connected(isUp: boolean) {
    this.#isUp = isUp
    this.#act(this.#election.connected(isUp, performance.now()))
  }

  /** Takes no more from others, or takes part again. */
  takesNoMore(takesNoMore: boolean) {
    this.#takesNoMore = takesNoMore
    this.changed()
  }

  /** Waits for no acknowledgement any more. */
  giveUp() {
    this.#departures.giveUp()
  }

  close() {
    this.#act(this.#election.resign(performance.now()))
    this.#isClosed = true
    this.#alarm.close()
    this.#parts.post.inbox.forget(this.#reportToken)
  }

  readonly #lookSoon = onceATurn(() => this.#look())

  #look() {
    if (this.#isClosed || !this.#parts.post.isOpen) return
    const now = performance.now()
    this.#looks.looked(now)
    this.#act(this.#election.tick(now))
    this.#departures.rttMs = this.#election.rttMs = rttOf(this.#parts.post.nc)
    this.#departures.expire(now)
    const stuckAt = this.#parts.stuckAt()
    if (this.#isUp) this.#report(now, stuckAt)
    this.#matchmaking?.giveOrders(now)
    const matchAt = this.#matchmaking?.wakeAt(now) ?? Infinity
    this.#alarm.ringBy(Math.min(this.#reporter.nextAt, matchAt, this.#election.wakeAt, this.#departures.wakeAt))
    if (stuckAt > now) this.#alarm.ringBy(stuckAt)
  }

  #report(now: number, stuckAt: number) {
    const { pool, post, concurrency } = this.#parts
    // What waits here goes elsewhere then, where slots get free: nobody knows when one does here.
    const takes = !this.#takesNoMore && pool.isOpen && stuckAt > now
    const load = {
      slots: takes ? concurrency : 0,
      free: takes ? pool.free : 0,
      limits: pool.limits,
      waiting: this.#waiting(now),
      meanMs: this.#parts.computeMs(),
      rttMs: leastRttOf(post.nc),
      maxBytes: post.maxPayload - HEADERS_SIZE,
    }
    const report = this.#reporter.report(load, now)
    if (report) this.#send(report, now)
  }

  *#waiting(now: number) {
    const { pool, post } = this.#parts
    for (const job of pool.stuck()) {
      if (job.staysUntil > now || !fits(job, post.maxPayload)) continue
      this.ticketOf(job)
      yield job
    }
  }

  #send(report: Report, now: number) {
    const { post, subjects } = this.#parts
    if (this.#matchmaking) this.#matchmaking.report(report, now)
    else
      this.#publish(subjects.match, JSON.stringify(report), Dispatch.report, post.inbox.replySubject(this.#reportToken))
  }

  #act(acts: readonly ElectionAction[]) {
    const { executorId } = this.#parts
    for (const act of acts)
      switch (act) {
        case 'serve':
          this.#matchmaking = this.#takeOver()
          break
        case 'stepDown':
          this.#matchmaking?.stop()
          this.#matchmaking = undefined
          break
        case 'beacon':
          this.#beacon({ id: executorId })
          break
        case 'resigned':
          this.#beacon({ id: executorId, resigns: true })
          break
        case 'reportAll':
          this.#reporter.makeFull()
          this.changed()
      }
  }

  #takeOver() {
    const { executorId, post, subjects } = this.#parts
    return new Matchmaking({
      executorId,
      post,
      subjects,
      send: (...message) => this.#publish(...message),
      answered: () => void this.messages++,
      ordered: order => this.#ordered(order),
      met: () => this.#beacon({ id: executorId }),
      changed: this.#matchSoon,
    })
  }

  /** Whoever has reported, and waits, does not wait for what is to be told here. */
  readonly #matchSoon = onceATurn(() => {
    if (this.#isClosed || !this.#parts.post.isOpen) return
    const now = performance.now()
    this.#matchmaking?.giveOrders(now)
    this.#alarm.ringBy(this.#matchmaking?.wakeAt(now) ?? Infinity)
  })

  #beacon(beacon: Beacon) {
    if (this.#isUp) this.#publish(this.#parts.subjects.pool, JSON.stringify(beacon), Dispatch.beacon)
  }

  #pool(message: Msg) {
    const beacon = kindOf(message) === Dispatch.beacon ? parseBeacon(message.string()) : undefined
    if (!beacon || beacon.id === this.#parts.executorId) return
    this.#act(this.#election.heardBeacon(beacon, performance.now()))
    this.#alarm.ringBy(this.#election.wakeAt)
  }

  #peer(message: Msg) {
    const kind = kindOf(message)
    if (kind === Dispatch.order) {
      const order = parseOrder(message.string())
      if (order) this.#ordered(order)
    } else if (kind === Dispatch.transfer) this.#received(message)
    else if (kind) this.#parts.heard(kind, message)
  }

  #ordered({ give }: Order) {
    for (const [ticket, to] of give) {
      const job = this.#tickets.get(ticket)
      const mayGo = job?.state === 'held' && to !== this.#parts.executorId
      if (mayGo && this.#parts.pool.release(job)) {
        this.#reporter.left(ticket)
        this.messages++
        this.#departures.send(job, to)
        this.#alarm.ringBy(this.#departures.wakeAt)
      } else {
        this.#reporter.refused(ticket)
        this.changed()
      }
    }
  }

  #received(message: Msg) {
    const { post } = this.#parts
    if (!message.reply || !post.isInbox(message.reply)) return
    const transfer = readTransfer(message, subject => post.isInbox(subject))
    const end = transfer ? this.#take(transfer.job) : 'unfit'
    this.#publish(message.reply, '', ANSWERS[end])
    this.changed()
  }

  #take(job: Job) {
    // Two with one key would be taken for each other.
    const end = this.#tickets.has(job.ticket) || this.#takesNoMore ? 'refused' : this.#parts.take(job)
    if (end === 'added' || end === 'joined') {
      this.#counts.received++
      this.#reporter.took(job)
    }
    if (end === 'added') this.#tickets.set(job.ticket, job)
    return end
  }

  #publish(subject: string, body: string, kind: string, reply?: string) {
    const { post } = this.#parts
    // Where servers take so little, something is lost of the belief of a matchmaker, and heals with the next full report.
    if (body.length + HEADERS_SIZE > post.maxPayload) return
    this.messages++
    post.publish(subject, body, line(Header.dispatch, kind), reply)
  }
}
