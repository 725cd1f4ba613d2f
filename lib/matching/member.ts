// What the matchmaker believes of one executor: its free places, and the line of the requests that wait there. A request that was ordered
// there stands in the line from then on. The first `free` of the line are about to start, the next `slots` of it are the next ones, and
// the rest waits behind them. So the belief holds whether the executor has told of a request that came or not.
//
// A function with a limit has places of its own there, of which its requests need one besides: so many are free, and so many are the next
// ones at most. What is older and has none holds up nothing else. So an executor is something else for the requests of each such function
// than it is for all others: a lane.
import type { Limit } from '../protocol/dispatch.js'

/** What tells requests apart: the function, if it has a limit. */
export type Kind = string | undefined

/** A request that waits, or is on its way. */
export interface Waiting {
  readonly key: string
  /** By the matchmaker's clock. */
  readonly since: number
  readonly priority: number
  readonly kind: Kind
  /** It is on its way here. */
  move: Move | undefined
  /** How long it would wait here for a place, by what computations take in the mean. */
  waitMs: number
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

/** An executor, as it is for the requests of one kind. */
export class Lane {
  readonly member: Member
  /** How many free places nothing waits for, and since when there are any. */
  idle = 0
  idleSince = 0
  /** The first that waits for a place, the last of the next ones, the first behind them: but for those that cannot or need not be moved. */
  oldest: Waiting | undefined
  lastNext: Waiting | undefined
  behind: Waiting | undefined
  /** Whether there are fewer next ones than places. */
  hasRoom = false

  /** Of the function: how many may be computed at once, and how many more than are computed now. */
  #most = Infinity
  #free = Infinity
  /** Of the line, those of this kind: how many start, are next, and do not start. */
  #starting = 0
  #next = 0
  #held = 0

  constructor(member: Member) {
    this.member = member
  }

  begin(limit: Limit) {
    this.#most = limit[1]
    this.#free = limit[2]
    this.#starting = this.#next = this.#held = 0
    this.oldest = this.lastNext = this.behind = undefined
  }

  /** Whether one more of them would start if a slot were free. */
  get mayStart() {
    return this.#starting < this.#free
  }

  /** Whether one more of them would be next if there were fewer next ones than slots. */
  get mayBeNext() {
    return this.#next < this.#most
  }

  starts() {
    this.#starting++
  }

  /** How often all places of the function get free until the next one of the line starts. */
  holds(): number {
    return ++this.#held / this.#most
  }

  isNext(waiting: Waiting) {
    this.#next++
    this.lastNext = waiting
  }

  end(idle: number, lastNext: Waiting | undefined, hasRoom: boolean, now: number) {
    const wasIdle = this.idle > 0
    this.idle = this.mayStart ? idle : 0
    if (this.idle > 0 && !wasIdle) this.idleSince = now
    this.hasRoom = hasRoom && this.mayBeNext
    if (this.mayBeNext) this.lastNext = lastNext
  }
}

const NO_LIMIT: Limit = ['', Infinity, Infinity]
export const NO_LIMITS: ReadonlyMap<Kind, Limit> = new Map()

export class Member {
  readonly id: string
  /** The number of its last report. */
  n = -1
  heardAt = 0
  slots = 0
  free = 0
  meanMs = Infinity
  rttMs = 0
  /** By function. */
  limits: ReadonlyMap<Kind, Limit> = NO_LIMITS
  /** It has not acknowledged a transfer, and nothing was heard of it since. */
  isDeaf = false
  /** What was ordered to leave, by key. Kept longer than the order is open: late reports may still have it. */
  readonly given = new Map<string, Move>()

  /** All that waits here or is on its way here, in order. */
  readonly #line: Waiting[] = []
  readonly #byKey = new Map<string, Waiting>()
  readonly #lanes = new Map<Kind, Lane>()

  /** `kinds`: those that have lanes. */
  constructor(id: string, kinds: Iterable<Kind>) {
    this.id = id
    for (const kind of kinds) this.meet(kind)
  }

  get line(): readonly Waiting[] {
    return this.#line
  }

  find(key: string): Waiting | undefined {
    return this.#byKey.get(key)
  }

  /** Requests of that kind wait somewhere. */
  meet(kind: Kind) {
    this.#lanes.set(kind, new Lane(this))
  }

  lane(kind: Kind): Lane {
    return this.#lanes.get(kind)!
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

  /** Brings the lanes up to date with the line and the places: after each change. */
  settle(now: number) {
    const { free, slots, meanMs } = this
    for (const [kind, lane] of this.#lanes) lane.begin(this.limits.get(kind) ?? NO_LIMIT)
    let [starting, held, next] = [0, 0, 0]
    let lastNext: Waiting | undefined
    for (const waiting of this.#line) {
      const lane = this.lane(waiting.kind)
      if (starting < free && lane.mayStart) {
        starting++
        lane.starts()
        continue
      }
      // More of them than may be next leave the slots to others.
      if (lane.mayBeNext) held++
      const isNext = next < slots && lane.mayBeNext
      const rounds = Math.max(held / slots, lane.holds())
      waiting.waitMs = slots === 0 ? Infinity : meanMs * rounds
      if (isNext) {
        next++
        lane.isNext((lastNext = waiting))
      }
      // It cannot be moved, or would not wait for longer than that takes where all are equally far.
      if (waiting.move || waiting.waitMs <= TRIPS_OF_A_MOVE * this.rttMs) continue
      lane.oldest ??= waiting
      if (!isNext) lane.behind ??= waiting
    }
    for (const lane of this.#lanes.values()) lane.end(free - starting, lastNext, next < slots, now)
  }
}
