// An executor without NATS and slots: it drives the state machines of lib/matching/ as the real one does, one turn after the other.
import { Election, type ElectionAction } from '../../lib/matching/election.js'
import { Matchmaker } from '../../lib/matching/matchmaker.js'
import { Reporter } from '../../lib/matching/reporter.js'
import { Transfers } from '../../lib/matching/transfers.js'
import type { Beacon, Limit, Order, Report } from '../../lib/protocol/dispatch.js'
import type { Clock } from './clock.js'

export interface Job {
  readonly ticket: string
  readonly ms: number
  readonly since: number
  readonly priority: number
  readonly functionName: string
}

export type Message =
  | { kind: 'request'; job: Job }
  | { kind: 'done'; job: Job }
  | { kind: 'report'; report: Report }
  | { kind: 'nobodyThere' }
  | { kind: 'beacon'; beacon: Beacon }
  | { kind: 'order'; order: Order }
  | { kind: 'transfer'; job: Job; from: string; number: number }
  | { kind: 'answer'; ticket: string; from: string; number: number; isTaken: boolean }
  | { kind: 'undelivered'; to: string }
  | { kind: 'connected'; isUp: boolean }
  | { kind: 'stop' }

/** What an executor needs of its world. */
export interface World {
  readonly clock: Clock
  /** Milliseconds for a message from one executor to another, and for handling one. */
  readonly latencyMs: number
  readonly handlingMs: number
  readonly random: () => number
  send(from: SimulatedExecutor, to: string, message: Message): void
  /** To the matchmakers. */
  sendReport(from: SimulatedExecutor, report: Report): void
  sendBeacon(from: SimulatedExecutor, beacon: Beacon): void
  started(job: Job, executor: SimulatedExecutor): void
  ended(job: Job, executor: SimulatedExecutor): void
}

export const isBefore = (a: Job, b: Job) => a.priority > b.priority || (a.priority === b.priority && a.since < b.since)
/** How much the last computation counts for the mean. */
const LATEST = 0.05

export class SimulatedExecutor {
  readonly id: string
  readonly slots: number
  readonly backlog: Job[] = []
  readonly running = new Set<Job>()
  readonly election: Election
  matchmaker: Matchmaker | undefined
  isUp = false
  isStopping = false
  isDead = false
  /** It handles nothing until then. */
  stillUntil = 0
  readonly transfers = new Transfers<Job>()
  /** The same, with the numbers of the messages. */
  readonly leaving = new Map<string, { job: Job; number: number }>()
  readonly #world: World
  /** Of functions, how many of their requests it computes at once. */
  limits: Readonly<Record<string, number>>
  readonly #reporter: Reporter<Job>
  readonly inbox: Message[] = []
  /** When its backlog, or what it computes, changed last. */
  changedAt = 0
  /** Transfers that came, by sender and number: a message may come twice. */
  readonly #came = new Set<string>()
  #meanMs = Infinity
  #isTurnDue = false
  #sent = 0
  #cancelAlarm = () => {}

  constructor(id: string, slots: number, world: World, limits: Readonly<Record<string, number>> = {}) {
    this.id = id
    this.slots = slots
    this.limits = limits
    this.#world = world
    this.#reporter = new Reporter(id, world.random)
    this.election = new Election(id, world.random)
    this.election.rttMs = this.transfers.rttMs = 2 * world.latencyMs
  }

  get free() {
    return this.isStopping ? 0 : this.slots - this.running.size
  }

  /** How many more of the requests of a function would start, though all slots were free. */
  room(functionName: string) {
    const computed = [...this.running].filter(job => job.functionName === functionName).length
    return Math.max(0, this.limit(functionName) - computed)
  }

  limit(functionName: string) {
    return this.limits[functionName] ?? Infinity
  }

  /** What would start next, as many as it has slots, but for what its function's limit keeps; and what waits behind. */
  get line() {
    const next: Job[] = []
    const behind: Job[] = []
    for (const job of this.backlog) {
      const ofItsKind = next.filter(({ functionName }) => functionName === job.functionName)
      const isNext = !this.isStopping && next.length < this.slots && ofItsKind.length < this.limit(job.functionName)
      ;(isNext ? next : behind).push(job)
    }
    return { next, behind }
  }

  deliver(message: Message) {
    if (this.isDead) return
    this.inbox.push(message)
    this.#scheduleTurn()
  }

  disconnect() {
    this.isUp = false
    this.deliver({ kind: 'connected', isUp: false })
  }

  #scheduleTurn() {
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    const { clock, handlingMs } = this.#world
    const at = Math.max(clock.now, this.stillUntil) + handlingMs * Math.max(1, this.inbox.length)
    clock.at(at, () => this.#turn())
  }

  #turn() {
    const { clock } = this.#world
    this.#isTurnDue = false
    if (this.isDead) return
    if (clock.now < this.stillUntil) return this.#scheduleTurn()
    for (const message of this.inbox.splice(0)) this.#hear(message, clock.now)
    for (const { job, to } of this.transfers.takeExpired(clock.now)) {
      this.#reporter.deaf(to)
      // Left to its client.
      this.leaving.delete(job.ticket)
    }
    this.#act(this.election.tick(clock.now))
    this.#start()
    this.#report()
    for (const [holder, order] of this.matchmaker?.match(clock.now) ?? []) {
      this.#world.send(this, holder, { kind: 'order', order })
    }
    this.#setAlarm()
  }

  #hear(message: Message, now: number) {
    switch (message.kind) {
      case 'request':
        return this.#insert(message.job)
      case 'done':
        this.changedAt = now
        this.running.delete(message.job)
        this.#meanMs =
          this.#meanMs === Infinity ? message.job.ms : this.#meanMs + LATEST * (message.job.ms - this.#meanMs)
        return this.#world.ended(message.job, this)
      case 'report':
        return this.matchmaker?.report(message.report, now)
      case 'nobodyThere':
        return this.#act(this.election.nobodyThere(now))
      case 'beacon':
        return this.#act(this.election.heardBeacon(message.beacon, now))
      case 'order':
        for (const [ticket, to] of message.order.give) this.#give(ticket, to, now)
        return
      case 'undelivered':
        return this.matchmaker?.forget(message.to, now)
      case 'transfer':
        return this.#take(message)
      case 'answer': {
        // An answer belongs to one transfer, as on an inbox of its own.
        if (this.leaving.get(message.ticket)?.number !== message.number) return
        this.leaving.delete(message.ticket)
        const job = this.transfers.take(message.ticket, message.from)
        if (!job || message.isTaken) return
        this.#reporter.deaf(message.from)
        return this.#insert(job)
      }
      case 'connected':
        this.isUp = message.isUp
        return this.#act(this.election.connected(message.isUp, now))
      case 'stop':
        this.isStopping = true
        return this.#act(this.election.resign(now))
    }
  }

  #insert(job: Job) {
    this.changedAt = this.#world.clock.now
    const at = this.backlog.findLastIndex(other => !isBefore(job, other)) + 1
    this.backlog.splice(at, 0, job)
  }

  #give(ticket: string, to: string, now: number) {
    const at = this.backlog.findIndex(job => job.ticket === ticket)
    if (at < 0 || !this.isUp) return this.#reporter.refused(ticket)
    this.changedAt = now
    const [job] = this.backlog.splice(at, 1) as [Job]
    this.#reporter.left(ticket)
    this.transfers.sent(ticket, job, to, now)
    this.leaving.set(ticket, { job, number: ++this.#sent })
    this.#world.send(this, to, { kind: 'transfer', job, from: this.id, number: this.#sent })
  }

  #take({ job, from, number }: Message & { kind: 'transfer' }) {
    const isTaken = !this.isStopping
    if (isTaken && !this.#came.has(`${from} ${number}`)) {
      this.#came.add(`${from} ${number}`)
      this.#insert(job)
      this.#reporter.took(job)
    }
    this.#world.send(this, from, { kind: 'answer', ticket: job.ticket, from: this.id, number, isTaken })
  }

  #start() {
    const { clock } = this.#world
    while (this.free > 0) {
      const at = this.backlog.findIndex(({ functionName }) => this.room(functionName) > 0)
      if (at < 0) break
      const [job] = this.backlog.splice(at, 1) as [Job]
      this.changedAt = clock.now
      this.running.add(job)
      this.#world.started(job, this)
      clock.at(clock.now + job.ms, () => this.deliver({ kind: 'done', job }))
    }
  }

  #report() {
    if (!this.isUp) return
    const { latencyMs, clock } = this.#world
    const slots = this.isStopping ? 0 : this.slots
    const limits = Object.entries(this.limits).map(([name, most]): Limit => [name, most, this.room(name)])
    const load = { slots, free: this.free, limits, waiting: this.backlog, meanMs: this.#meanMs, rttMs: 2 * latencyMs }
    const report = this.#reporter.report(load, clock.now)
    if (report) this.#world.sendReport(this, report)
  }

  #act(actions: ElectionAction[]) {
    for (const action of actions) {
      if (action === 'serve') this.matchmaker = new Matchmaker(this.id)
      else if (action === 'stepDown') this.matchmaker = undefined
      else if (action === 'reportAll') this.#reporter.makeFull()
      else this.#world.sendBeacon(this, { id: this.id, ...(action === 'resigned' && { resigns: true }) })
    }
  }

  #setAlarm() {
    const { clock } = this.#world
    const { election, transfers, matchmaker } = this
    const nextReportAt = this.isUp ? this.#reporter.nextAt : Infinity
    const at = Math.min(nextReportAt, election.wakeAt, transfers.wakeAt, matchmaker?.wakeAt(clock.now) ?? Infinity)
    this.#cancelAlarm()
    if (at < Infinity) this.#cancelAlarm = clock.at(at, () => this.#scheduleTurn())
  }
}
