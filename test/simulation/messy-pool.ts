// A pool whose network and executors misbehave: messages get lost, come twice, late, or in another order; executors join, die, stand still,
// lose their connection, stop, change their functions' limits. What must hold nevertheless is looked at all the time.
import { seededRandom } from '../../dev/random.js'
import type { Beacon, Report } from '../../lib/protocol/dispatch.js'
import { Clock } from './clock.js'
import { isBefore, type Job, type Message, SimulatedExecutor, type World } from './executor.js'

const EXECUTORS = 8
/** By function, how many at once; and how many slots executors have, by turns. */
const LIMITS = { narrow: 1, constructor: 2 }
const SLOTS = { without: [1, 1, 1, 2], limited: [1, 2, 3, 4] }
const LOAD = 0.7
const MEAN_MS = 20
const LOOK_MS = 2
/** A few messages, and what handling them takes when many come at once. */
export const SETTLED_MS = 6
/** Ages are known to about that. */
const AGE_ERROR_MS = 3
const RESEND_MS = 500
/** How long a mishap lasts at most, and how long it takes after that until all is healed. */
const MISHAP_MS = 3000
const HEALED_MS = 3000

export interface Trouble {
  /** The shares of messages. */
  lost: number
  twice: number
  late: number
  /** How many times a second something happens to an executor. */
  mishaps: number
}
const NONE: Trouble = { lost: 0, twice: 0, late: 0, mishaps: 0 }

export class MessyPool implements World {
  readonly clock = new Clock()
  readonly latencyMs = 0.15
  readonly handlingMs = 0.02
  readonly random: () => number
  readonly executors = new Map<string, SimulatedExecutor>()
  readonly faults: string[] = []
  readonly jobs = new Map<Job, { starts: number; ends: number; deaths: number; lostSince: number }>()
  readonly open = new Set<Job>()
  /** How long a request waited beside an idle executor at most. */
  readonly worstIdleMs = { calm: 0, troubled: 0 }
  trouble = NONE
  #calmSince = 0
  /** How many messages the executors have sent. */
  messages = 0
  readonly #transit = new Map<Job, number>()
  readonly #lastArrivals = new Map<string, number>()
  readonly #powerless = new Set<string>()
  readonly #hasLimits: boolean
  #joined = 0
  #isOver = false

  /** `hasLimits`: whether most requests are for functions with limits. */
  constructor(seed: number, hasLimits = false) {
    this.random = seededRandom(seed)
    this.#hasLimits = hasLimits
    for (let i = 0; i < EXECUTORS; i++) this.#join()
    this.#requestLater()
    this.#mishapLater()
    this.#lookLater()
  }

  runFor(ms: number, trouble: Trouble | undefined) {
    this.trouble = trouble ?? NONE
    if (trouble) this.#calmSince = Infinity
    else if (this.#calmSince === Infinity) this.#calmSince = this.clock.now
    this.clock.run(this.clock.now + ms)
  }

  /** No more requests; those that are there end. */
  finish() {
    this.#isOver = true
    for (let i = 0; i < 100 && this.open.size > 0; i++) this.runFor(1000, undefined)
  }

  send(from: SimulatedExecutor, to: string, message: Message) {
    const receiver = this.executors.get(to)
    const isThere = receiver?.isUp && !receiver.isDead
    if (isThere) return this.#carry(from, receiver, message)
    if (this.#powerless.has(to)) return
    if (message.kind === 'order') return this.#carry(undefined, from, { kind: 'undelivered', to })
    if (message.kind !== 'transfer') return
    const { job, number } = message
    this.#carry(undefined, from, { kind: 'answer', ticket: job.ticket, from: to, number, isTaken: false })
  }

  sendReport(from: SimulatedExecutor, report: Report) {
    const matchmakers = [...this.executors.values()].filter(
      ({ matchmaker, isUp, isDead }) => matchmaker && isUp && !isDead,
    )
    for (const matchmaker of matchmakers) this.#carry(from, matchmaker, { kind: 'report', report })
    if (matchmakers.length === 0) this.#carry(undefined, from, { kind: 'nobodyThere' })
  }

  sendBeacon(from: SimulatedExecutor, beacon: Beacon) {
    for (const executor of this.executors.values()) {
      if (executor !== from) this.#carry(from, executor, { kind: 'beacon', beacon })
    }
  }

  started(job: Job) {
    const record = this.jobs.get(job)!
    if (++record.starts > 1 + record.deaths) this.faults.push(`${job.ticket} was started twice`)
  }

  ended(job: Job) {
    this.open.delete(job)
    if (++this.jobs.get(job)!.ends > 1) this.faults.push(`${job.ticket} ended twice`)
  }

  #carry(from: SimulatedExecutor | undefined, to: SimulatedExecutor, message: Message) {
    const { lost, twice, late } = this.trouble
    if ((from && !from.isUp) || this.random() < lost) return
    this.messages++
    const times = this.random() < twice ? 2 : 1
    for (let i = 0; i < times; i++) {
      const pair = `${from?.id} ${to.id}`
      let at = this.clock.now + this.latencyMs * (0.5 + this.random())
      // One connection keeps the order of messages, but for those over a reconnect.
      if (this.random() < late) at += 300 * this.random()
      else this.#lastArrivals.set(pair, (at = Math.max(at, this.#lastArrivals.get(pair) ?? 0)))
      this.#deliver(at, to, message)
    }
  }

  #deliver(at: number, to: SimulatedExecutor, message: Message) {
    const job = 'job' in message ? message.job : undefined
    if (job) this.#transit.set(job, (this.#transit.get(job) ?? 0) + 1)
    this.clock.at(at, () => {
      if (job) this.#transit.set(job, this.#transit.get(job)! - 1)
      if (to.isUp) to.deliver(message)
    })
  }

  #join() {
    const slots = SLOTS[this.#hasLimits ? 'limited' : 'without'][this.#joined % 4]!
    const id = `x${Math.floor(this.random() * 1e9)}`
    this.#joined++
    const executor = new SimulatedExecutor(id, slots, this, this.#hasLimits ? LIMITS : {})
    this.executors.set(id, executor)
    executor.deliver({ kind: 'connected', isUp: true })
  }

  get #alive() {
    return [...this.executors.values()].filter(({ isDead }) => !isDead)
  }

  get #capacity() {
    return this.#alive.reduce((sum, { slots, isStopping }) => sum + (isStopping ? 0 : slots), 0)
  }

  #any<E>(list: E[]): E {
    return list[Math.floor(this.random() * list.length)]!
  }

  #requestLater() {
    const gap = (-Math.log(1 - this.random()) * MEAN_MS) / (LOAD * this.#capacity)
    this.clock.at(this.clock.now + gap, () => {
      if (this.#isOver) return
      const ms = -MEAN_MS * Math.log(1 - this.random())
      const priority = this.random() < 0.1 ? Math.floor(3 * this.random()) - 1 : 0
      const functionName = this.#hasLimits ? this.#any(['', '', 'narrow', 'narrow', 'constructor']) : ''
      const job: Job = { ticket: `t${this.jobs.size}`, ms, since: this.clock.now, priority, functionName }
      this.jobs.set(job, { starts: 0, ends: 0, deaths: 0, lostSince: Infinity })
      this.open.add(job)
      this.#post(job)
      this.#requestLater()
    })
  }

  #post(job: Job) {
    const there = this.#alive.filter(({ isUp, isStopping }) => isUp && !isStopping)
    if (there.length > 0) this.#deliver(this.clock.now + this.latencyMs, this.#any(there), { kind: 'request', job })
  }

  #mishapLater() {
    const gap = -Math.log(1 - this.random()) * 1000
    this.clock.at(this.clock.now + gap / Math.max(1, this.trouble.mishaps), () => {
      if (this.trouble.mishaps > 0) this.#mishap()
      if (!this.#isOver) this.#mishapLater()
    })
  }

  #mishap() {
    const executor = this.#any(this.#alive)
    const kind = Math.floor((this.#hasLimits ? 8 : 7) * this.random())
    if (kind <= 1) executor.stillUntil = this.clock.now + MISHAP_MS * this.random() ** 2
    else if (kind === 2) {
      executor.disconnect()
      this.clock.at(this.clock.now + MISHAP_MS * this.random(), () =>
        executor.deliver({ kind: 'connected', isUp: true }),
      )
    } else if (kind === 3) {
      executor.deliver({ kind: 'stop' })
      this.clock.at(this.clock.now + MISHAP_MS, () => this.#die(executor))
      this.#join()
    } else if (kind === 4) {
      if (this.random() < 0.5) this.#powerless.add(executor.id)
      this.#die(executor)
      this.#join()
    } else if (kind === 5) {
      // A connection that is slow alone makes it a matchmaker beside another one.
      executor.election.matchmaker = undefined
      executor.deliver({ kind: 'nobodyThere' })
    } else if (kind === 7) {
      executor.limits = this.#any([{ narrow: 2, constructor: 1 }, { constructor: 3 }, LIMITS])
      this.clock.at(this.clock.now + MISHAP_MS * this.random(), () => (executor.limits = LIMITS))
    } else {
      const matchmaker = this.#alive.find(({ matchmaker }) => matchmaker)
      if (matchmaker) matchmaker.stillUntil = this.clock.now + MISHAP_MS * this.random()
    }
  }

  #die(executor: SimulatedExecutor) {
    if (executor.isDead) return
    executor.isDead = true
    for (const job of executor.running) this.jobs.get(job)!.deaths++
    this.clock.at(this.clock.now + 10_000, () => this.executors.delete(executor.id))
  }

  #lookLater() {
    this.clock.at(this.clock.now + LOOK_MS, () => {
      this.#look()
      if (this.clock.now % RESEND_MS < LOOK_MS) this.#resendLost(this.clock.now)
      this.#lookLater()
    })
  }

  #look() {
    const { now } = this.clock
    const working = this.#alive.filter(({ isUp, stillUntil }) => isUp && stillUntil <= now)
    const backlog = working.flatMap(({ backlog }) => backlog)
    for (const name of new Set(backlog.map(({ functionName }) => functionName))) {
      const idle = working.filter(executor => executor.free > 0 && executor.room(name) > 0)
      if (idle.length === 0) continue
      const waiting = backlog.filter(({ functionName }) => functionName === name)
      const idleSince = Math.min(...idle.map(({ changedAt }) => changedAt))
      const ms = now - Math.max(idleSince, Math.min(...waiting.map(({ since }) => since)))
      const worst = this.#isCalm ? 'calm' : 'troubled'
      this.worstIdleMs[worst] = Math.max(this.worstIdleMs[worst], ms)
    }
    if (this.#isCalm) this.#lookAtOrder(working.filter(({ changedAt }) => now - changedAt > SETTLED_MS))
  }

  /** When all that was lost must have been healed. */
  get #isCalm() {
    return this.clock.now > this.#calmSince + MISHAP_MS + HEALED_MS
  }

  /** What waits behind is not before what is next elsewhere. */
  #lookAtOrder(executors: SimulatedExecutor[]) {
    for (const holder of executors) {
      for (const behind of firstOfEach(holder.line.behind)) {
        for (const executor of executors) {
          const { next } = executor.line
          const same = next.filter(({ functionName }) => functionName === behind.functionName)
          const last = (same.length < executor.limit(behind.functionName) ? next : same).at(-1)
          if (!last || !isBefore({ ...behind, since: behind.since + AGE_ERROR_MS }, last)) continue
          this.faults.push(`${behind.ticket} waits at ${holder.id} behind, ${last.ticket} is next at ${executor.id}`)
        }
      }
    }
  }

  /** Their clients send requests again that nobody has. */
  #resendLost(now: number) {
    const held = new Set<Job>()
    for (const { backlog, running, leaving, inbox } of this.#alive) {
      for (const job of backlog) held.add(job)
      for (const job of running) held.add(job)
      for (const { job } of leaving.values()) held.add(job)
      for (const message of inbox) if ('job' in message) held.add(message.job)
    }
    for (const job of this.open) {
      const record = this.jobs.get(job)!
      if (held.has(job) || this.#transit.get(job)) record.lostSince = Infinity
      else if (record.lostSince === Infinity) record.lostSince = now
      else this.#post(job)
    }
  }
}

function firstOfEach(jobs: Job[]) {
  const first = new Map<string, Job>()
  for (const job of jobs) if (!first.has(job.functionName)) first.set(job.functionName, job)
  return first.values()
}
