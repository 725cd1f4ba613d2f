// What the matchmaker believes of one executor: its free places, and the line of the requests that wait there. A request that was ordered
// there stands in the line from then on. The first `free` of the line are about to start, the next `slots` of it are the next ones, and
// the rest waits behind them. So the belief holds whether the executor has told of a request that came or not.

/** A request that waits, or is on its way. */
export interface Waiting {
  readonly key: string
  /** By the matchmaker's clock. */
  readonly since: number
  readonly priority: number
  /** It is on its way here. */
  move: Move | undefined
}

/** An order: it is believed until one of both executors says how it ended, or it is late. */
export interface Move {
  readonly waiting: Waiting
  readonly from: Member
  readonly to: Member
  /** Until then a full report of the holder that still has the request may have been sent before the order arrived. */
  readonly isTruthAt: number
  readonly lateAt: number
}

export const isBefore = (a: Waiting, b: Waiting) =>
  a.priority > b.priority || (a.priority === b.priority && a.since < b.since)

/** Round trips to the server: the order, and the request. */
const TRIPS_OF_A_MOVE = 2

export class Member {
  readonly id: string
  /** The number of its last report. */
  n = -1
  heardAt = 0
  slots = 0
  free = 0
  meanMs = Infinity
  rttMs = 0
  /** It has not acknowledged a transfer, and nothing was heard of it since. */
  isDeaf = false
  /** What was ordered to leave, by key. Kept longer than the order is open: late reports may still have it. */
  readonly given = new Map<string, Move>()

  /** How many free places nothing waits for, and since when there are any. */
  idle = 0
  idleSince = 0
  /** The first that waits for a slot, the last of the next ones, the first behind them: but for those that cannot or need not be moved. */
  oldest: Waiting | undefined
  lastNext: Waiting | undefined
  behind: Waiting | undefined
  /** Whether there are fewer next ones than slots. */
  hasRoom = false

  /** All that waits here or is on its way here, in order. */
  readonly #line: Waiting[] = []
  readonly #byKey = new Map<string, Waiting>()

  constructor(id: string) {
    this.id = id
  }

  get line(): readonly Waiting[] {
    return this.#line
  }

  find(key: string): Waiting | undefined {
    return this.#byKey.get(key)
  }

  add(waiting: Waiting) {
    const at = this.#line.findLastIndex(other => !isBefore(waiting, other)) + 1
    this.#line.splice(at, 0, waiting)
    this.#byKey.set(waiting.key, waiting)
  }

  remove(waiting: Waiting) {
    const at = this.#line.indexOf(waiting)
    if (at < 0) return
    this.#line.splice(at, 1)
    this.#byKey.delete(waiting.key)
  }

  /** Brings what follows from the line and the places up to date: after each change. */
  settle(now: number) {
    const { free, slots } = this
    const wasIdle = this.idle > 0
    const firstBehind = free + slots
    const line = this.#line
    // The first that can be moved, and that would wait for longer than that takes where all are equally far.
    const find = (first: number) =>
      line.find(({ move }, at) => at >= first && !move && this.#waitAt(at) > TRIPS_OF_A_MOVE * this.rttMs)
    this.idle = Math.max(0, free - line.length)
    if (this.idle > 0 && !wasIdle) this.idleSince = now
    this.oldest = find(free)
    this.lastNext = slots > 0 && line.length > free ? line[Math.min(line.length, firstBehind) - 1] : undefined
    this.behind = find(firstBehind)
    this.hasRoom = line.length < firstBehind
  }

  /** How long it would wait here for a slot, by what computations take in the mean. */
  waitOf(waiting: Waiting): number {
    return this.#waitAt(this.#line.indexOf(waiting))
  }

  #waitAt(at: number): number {
    return this.slots === 0 ? Infinity : (this.meanMs * (at - this.free + 1)) / this.slots
  }
}
