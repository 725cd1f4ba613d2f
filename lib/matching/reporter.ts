// What an executor tells the matchmaker: only what differs from what the matchmaker must believe by now, and everything about once a
// second. A request that came by order is believed to have started if a place was free, else to wait: if it is so, there is nothing to tell.
// Where functions have limits each report has all of them, and tickets of theirs have their names; else nothing is said of functions.
// It owns no timer: who has it calls `report` once its state has settled, and at `nextAt`.
import { type Limit, MAX_TICKETS, type Report, type Ticket } from '../protocol/dispatch.js'

/** Between two full reports, at least and at most. */
const FULL_MIN_MS = 750
const FULL_MAX_MS = 1250

/** What waits, as far as the matchmaker is concerned. */
export interface Reportable {
  readonly ticket: string
  readonly since: number
  readonly priority: number
  readonly functionName: string
}

export interface ExecutorLoad<T extends Reportable> {
  /** 0 while it takes nothing. */
  slots: number
  free: number
  /** Of the functions that have one. */
  limits: readonly Limit[]
  /** In order, the next one first. */
  waiting: Iterable<T>
  meanMs: number
  rttMs: number
  /** The most that a report may have. */
  maxBytes?: number
}

export class Reporter<T extends Reportable> {
  /** When the next full report is due. */
  nextAt = -Infinity
  readonly #id: string
  readonly #random: () => number
  #n = 0
  #slots = 0
  #free = 0
  #limits: readonly Limit[] = []
  /** The matchmaker takes them to wait here, because it was told so. */
  #told = new Set<string>()
  /** They came by order, and it was not told: their functions. */
  readonly #took = new Map<string, string>()
  readonly #refused = new Set<string>()
  readonly #back = new Set<string>()
  readonly #deaf = new Set<string>()

  constructor(id: string, random: () => number = Math.random) {
    this.#id = id
    this.#random = random
  }

  /** What is to be sent now, if anything. */
  report({ maxBytes = Infinity, ...load }: ExecutorLoad<T>, now: number): Report | undefined {
    const { slots, free, limits, waiting, meanMs, rttMs } = load
    const full = now >= this.nextAt
    const limited = limits.length === 0 ? NONE : new Set(limits.map(([name]) => name))
    const seen = firstOfEach(waiting, limited, maxBytes - bytesOf(limits, this.#took.keys()))
    const keys = new Set(seen.map(({ ticket }) => ticket))
    const isNew = ({ ticket }: T) => full || !this.#told.has(ticket)
    const fresh = seen.filter(isNew)
    const gone = [...this.#told].filter(ticket => !keys.has(ticket))
    const isAsBelieved = slots === this.#slots && free === this.#free - this.#took.size && this.#areBelieved(limits)
    if (!full && isAsBelieved && fresh.length === 0 && gone.length === 0 && this.#deaf.size + this.#back.size === 0)
      return undefined
    for (const ticket of this.#back) if (!keys.has(ticket)) gone.push(ticket)
    for (const ticket of this.#refused) if (!keys.has(ticket) && !this.#told.has(ticket)) gone.push(ticket)
    const report: Report = { id: this.#id, n: ++this.#n, slots, free, ...(full && { full }) }
    if (fresh.length > 0) {
      report.tickets = fresh.map(({ ticket, since, priority, functionName }): Ticket => {
        const ageMs = rounded(now - since)
        return limited.has(functionName) ? [ticket, ageMs, priority, functionName] : [ticket, ageMs, priority]
      })
    }
    if (limits.length > 0) report.limits = limits
    if (gone.length > 0) report.gone = gone
    if (this.#took.size > 0) report.took = [...this.#took.keys()]
    if (this.#deaf.size > 0) report.deaf = [...this.#deaf]
    if (Number.isFinite(meanMs)) report.meanMs = rounded(meanMs)
    report.rttMs = rounded(rttMs)
    for (const told of [this.#took, this.#refused, this.#back, this.#deaf]) told.clear()
    this.#slots = slots
    this.#free = free
    this.#limits = limits
    this.#told = keys
    if (full) this.nextAt = now + FULL_MIN_MS + (FULL_MAX_MS - FULL_MIN_MS) * this.#random()
    return report
  }

  /** A request came by order. */
  took({ ticket, functionName }: Pick<T, 'ticket' | 'functionName'>) {
    this.#took.set(ticket, functionName)
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

  /** Whether as many places of functions are free as those leave that came by order. */
  #areBelieved(limits: readonly Limit[]): boolean {
    const isBelieved = ([name, most, free]: Limit, at: number) => {
      const [toldName, toldMost, toldFree] = this.#limits[at]!
      let took = 0
      for (const each of this.#took.values()) if (each === name) took++
      return name === toldName && most === toldMost && free === toldFree - took
    }
    return limits.length === this.#limits.length && limits.every(isBelieved)
  }

  /** The next report tells everything. */
  makeFull() {
    this.nextAt = -Infinity
  }
}

/** So many are looked at, at most. */
const MOST_SEEN = 8 * MAX_TICKETS
const NONE: ReadonlySet<string> = new Set()

/** What a number or two take in a report, with what stands between them, and all that is there once. */
const NUMBERS_BYTES = 40
const HEAD_BYTES = 300

/** More than what a report has beside its tickets. */
function bytesOf(limits: readonly Limit[], took: Iterable<string>) {
  let bytes = HEAD_BYTES
  for (const [name] of limits) bytes += name.length + NUMBERS_BYTES
  for (const ticket of took) bytes += ticket.length + 3
  return bytes
}

/**
 * Those that may be told of: many that one function's limit keeps do not hide the others. There is room for each twice: it is told of
 * when it is gone, too.
 */
function firstOfEach<T extends Reportable>(waiting: Iterable<T>, limited: ReadonlySet<string>, maxBytes: number): T[] {
  const first: T[] = []
  const counts = new Map<string | undefined, number>()
  let seen = 0
  let room = maxBytes
  for (const one of waiting) {
    const kind = limited.has(one.functionName) ? one.functionName : undefined
    const count = counts.get(kind) ?? 0
    counts.set(kind, count + 1)
    if (count < MAX_TICKETS) {
      room -= 2 * one.ticket.length + (kind?.length ?? 0) + NUMBERS_BYTES
      if (room < 0) break
      first.push(one)
    }
    if (count >= MAX_TICKETS && limited.size === 0) break
    if (++seen === MOST_SEEN) break
  }
  return first
}

/** To a thousandth of a millisecond. */
const rounded = (ms: number) => Math.max(0, Math.round(ms * 1000) / 1000)
