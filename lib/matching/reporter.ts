// What an executor tells the matchmaker: only what differs from what the matchmaker must believe by now, and everything about once a
// second. A request that came by order is believed to have started if a place was free, else to wait: if it is so, there is nothing to tell.
// It owns no timer: who has it calls `report` once its state has settled, and at `nextAt`.
import { MAX_TICKETS, type Report, type Ticket } from '../protocol/dispatch.js'

/** Between two full reports, at least and at most. */
const FULL_MIN_MS = 750
const FULL_MAX_MS = 1250

/** What waits, as far as the matchmaker is concerned. */
export interface Reportable {
  readonly ticket: string
  readonly since: number
  readonly priority: number
}

export interface ExecutorLoad<T extends Reportable> {
  /** 0 while it takes nothing. */
  slots: number
  free: number
  /** In order, the next one first. */
  waiting: readonly T[]
  meanMs: number
  rttMs: number
}

export class Reporter<T extends Reportable> {
  /** When the next full report is due. */
  nextAt = -Infinity
  readonly #id: string
  readonly #random: () => number
  #n = 0
  #slots = 0
  #free = 0
  /** The matchmaker takes them to wait here, because it was told so. */
  #told = new Set<string>()
  /** They came by order, and it was not told. */
  readonly #took = new Set<string>()
  readonly #refused = new Set<string>()
  readonly #back = new Set<string>()
  readonly #deaf = new Set<string>()

  constructor(id: string, random: () => number = Math.random) {
    this.#id = id
    this.#random = random
  }

  /** What is to be sent now, if anything. */
  report({ slots, free, waiting, meanMs, rttMs }: ExecutorLoad<T>, now: number): Report | undefined {
    const full = now >= this.nextAt
    const seen = waiting.slice(0, MAX_TICKETS)
    const keys = new Set(seen.map(({ ticket }) => ticket))
    const isNew = ({ ticket }: T) => full || !this.#told.has(ticket)
    const fresh = seen.filter(isNew)
    const gone = [...this.#told].filter(ticket => !keys.has(ticket))
    const isAsBelieved = slots === this.#slots && free === this.#free - this.#took.size
    if (!full && isAsBelieved && fresh.length === 0 && gone.length === 0 && this.#deaf.size + this.#back.size === 0)
      return undefined
    for (const ticket of this.#back) if (!keys.has(ticket)) gone.push(ticket)
    for (const ticket of this.#refused) if (!keys.has(ticket) && !this.#told.has(ticket)) gone.push(ticket)
    const report: Report = { id: this.#id, n: ++this.#n, slots, free, ...(full && { full }) }
    if (fresh.length > 0) {
      report.tickets = fresh.map(({ ticket, since, priority }): Ticket => [ticket, rounded(now - since), priority])
    }
    if (gone.length > 0) report.gone = gone
    if (this.#took.size > 0) report.took = [...this.#took]
    if (this.#deaf.size > 0) report.deaf = [...this.#deaf]
    if (Number.isFinite(meanMs)) report.meanMs = rounded(meanMs)
    report.rttMs = rounded(rttMs)
    for (const told of [this.#took, this.#refused, this.#back, this.#deaf]) told.clear()
    this.#slots = slots
    this.#free = free
    this.#told = keys
    if (full) this.nextAt = now + FULL_MIN_MS + (FULL_MAX_MS - FULL_MIN_MS) * this.#random()
    return report
  }

  /** A request came by order. */
  took(ticket: string) {
    this.#took.add(ticket)
  }

  /** A request left by order: the matchmaker knows. */
  left(ticket: string) {
    this.#told.delete(ticket)
  }

  /** An order came for a request that is not here to be given. It has been told of, unless that was lost: the next report says it again. */
  refused(ticket: string) {
    this.#refused.add(ticket)
  }

  /** A request that left by order is here again, and is offered no more for now: its place there is free. */
  back(ticket: string) {
    this.#back.add(ticket)
  }

  /** An executor did not take a transfer: what was on its way there is here again. */
  deaf(executorId: string) {
    this.#deaf.add(executorId)
  }

  /** The next report tells everything. */
  makeFull() {
    this.nextAt = -Infinity
  }
}

/** To a thousandth of a millisecond. */
const rounded = (ms: number) => Math.max(0, Math.round(ms * 1000) / 1000)
