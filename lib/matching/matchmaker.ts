// Pairs the requests that wait with executors that can start them, so that all of them together come near to one central queue. It holds
// tickets, no requests, and all it knows is soft: reports bring it and refresh it, silence ends it, and what is wrong heals with the next full
// report. An order is believed at once. It owns no timer: who has it calls `match` after reports, and at `wakeAt`.
//
// Each kind of requests, those of one function with a limit and all others, has its holders and receivers; of all kinds the first ticket
// that somebody can start goes first.
import type { Order, Report, Ticket } from '../protocol/dispatch.js'
import { IndexedHeap } from '../indexed-heap.js'
import { isBefore, type Kind, type Lane, Member, type Move, NO_LIMITS, type Waiting } from './member.js'

/** An executor that is silent for so long is forgotten: whoever is asked for its requests would be idle for nothing. */
const FORGET_MS = 2000
/** So long an order is believed of which nothing is heard, plus round trips. */
const BELIEVE_MS = 1500
/** So long a report may have been sent before an order arrived, plus round trips. */
const CROSSING_MS = 100
/** How much younger a next one must be to give way. */
const MARGIN_MS = 1
/** How many pairs that do not pay are passed over in one search. */
const MAX_SKIPPED = 16

/** Of two executors the one that should get the next request. */
function isBetter(a: Lane, b: Lane): boolean {
  if (a.idle !== b.idle) return a.idle > b.idle
  if (a.idle > 0) return a.idleSince < b.idleSince
  if (a.hasRoom || b.hasRoom) return !b.hasRoom
  return isBefore(b.lastNext!, a.lastNext!)
}

/** The executors, by what they are for requests of one kind. */
const newLanes = () => ({
  /** Of holders, by their first ticket that does not start, and the first behind the next ones. */
  oldest: new IndexedHeap<Lane>((a, b) => isBefore(a.oldest!, b.oldest!)),
  behind: new IndexedHeap<Lane>((a, b) => isBefore(a.behind!, b.behind!)),
  receivers: new IndexedHeap<Lane>(isBetter),
})

export class Matchmaker {
  readonly #id: string
  /** The one that was not heard of for longest is first. */
  readonly #members = new Map<string, Member>()
  /** Of each kind that has ever waited. */
  readonly #lanes = new Map<Kind, ReturnType<typeof newLanes>>([[undefined, newLanes()]])
  /** Orders of which nothing was heard yet, the first is first. */
  readonly #open = new Set<Move>()

  /** The id of the executor that it is part of. */
  constructor(id: string) {
    this.#id = id
  }

  /** How many executors it knows. */
  get size() {
    return this.#members.size
  }

  knows(id: string) {
    return this.#members.has(id)
  }

  /** An executor that was heard of lately, other than that one. */
  another(than: string): string | undefined {
    let last: string | undefined
    for (const id of this.#members.keys()) if (id !== than) last = id
    return last
  }

  report(report: Report, now: number) {
    const member = this.#members.get(report.id) ?? new Member(report.id, this.#lanes.keys())
    if (report.n <= member.n) return
    this.#members.delete(report.id)
    this.#members.set(report.id, member)
    const { n, slots, free, meanMs = member.meanMs, rttMs = member.rttMs } = report
    Object.assign(member, { n, slots, free: Math.min(free, slots), meanMs, rttMs, heardAt: now, isDeaf: false })
    member.limits = report.limits ? new Map(report.limits.map(limit => [limit[0], limit])) : NO_LIMITS
    for (const key of report.took ?? []) this.#hasCome(member, key)
    for (const key of report.gone ?? []) this.#isGone(member, key, now)
    for (const id of report.deaf ?? []) this.#isDeaf(member, id, now)
    for (const ticket of report.tickets ?? []) this.#isThere(member, ticket, report.full === true, now)
    if (report.full) this.#forgetOthers(member, new Set(report.tickets?.map(([key]) => key)), now)
    this.#settle(member, now)
  }

  /** The orders for each holder by its id: to be sent, as they are believed from here on. */
  match(now: number): Map<string, Order> {
    this.#clean(now)
    const orders = new Map<string, Order>()
    // The oldest to idle executors.
    this.#pair('oldest', ({ idle }) => (idle > 0 ? Infinity : 0), now, orders)
    // The oldest of those behind to where they are next, so that the next ones are the oldest of all.
    const isNextFor = (receiver: Lane, waiting: Waiting) => {
      if (receiver.idle > 0 || receiver.hasRoom) return Infinity
      const { since, priority } = receiver.lastNext!
      return priority === waiting.priority ? since - waiting.since : (waiting.priority - priority) * Infinity
    }
    this.#pair('behind', isNextFor, now, orders)
    return orders
  }

  /** Nobody is at an executor's subject: it and its tickets are forgotten, until it reports. */
  forget(id: string, now: number) {
    const member = this.#members.get(id)
    if (!member) return
    this.#members.delete(id)
    for (const [kind, heaps] of this.#lanes) for (const heap of Object.values(heaps)) heap.delete(member.lane(kind))
    for (const move of member.given.values()) this.#drop(move, now)
  }

  /** When `match` should be called though no report has come. */
  wakeAt(now: number): number {
    for (const { lateAt } of this.#open) return Math.max(now, lateAt)
    return Infinity
  }

  /** Moves the first tickets to the best receivers, as long as the milliseconds that it gains are more than it costs. */
  #pair(
    which: 'oldest' | 'behind',
    gainOf: (receiver: Lane, waiting: Waiting) => number,
    now: number,
    orders: Map<string, Order>,
  ) {
    const skipped: Lane[] = []
    while (skipped.length < MAX_SKIPPED) {
      const pair = this.#firstPair(which, gainOf)
      if (!pair) break
      const { waiting, holder, receiver, gain, lanes } = pair
      const [from, to] = [holder.member, receiver.member]
      if (Math.min(gain, waiting.waitMs) > this.#costOf(from, to)) {
        this.#move(waiting, from, to, now)
        const order = orders.get(from.id) ?? { give: [] }
        order.give.push([waiting.key, to.id])
        orders.set(from.id, order)
        continue
      }
      // The farther one is passed over.
      const [heap, lane] = to.rttMs > from.rttMs ? [lanes.receivers, receiver] : [lanes[which], holder]
      heap.delete(lane)
      skipped.push(lane)
    }
    // Another move may have brought one back, and it may have been moved then, after all.
    for (const { member } of skipped) this.#settle(member, now)
  }

  /** Of all kinds the first ticket that a receiver is good for. */
  #firstPair(which: 'oldest' | 'behind', gainOf: (receiver: Lane, waiting: Waiting) => number) {
    let first
    for (const lanes of this.#lanes.values()) {
      const [holder, receiver] = [lanes[which].first, lanes.receivers.first]
      if (!holder || !receiver) continue
      const waiting = holder[which]!
      if (first && !isBefore(waiting, first.waiting)) continue
      const gain = gainOf(receiver, waiting)
      if (gain > MARGIN_MS) first = { waiting, holder, receiver, gain, lanes }
    }
    return first
  }

  /** How many milliseconds a move takes: the order to the holder, and the request to the receiver. */
  #costOf(holder: Member, receiver: Member): number {
    return holder.rttMs + ((this.#members.get(this.#id)?.rttMs ?? 0) + receiver.rttMs) / 2
  }

  #move(waiting: Waiting, from: Member, to: Member, now: number) {
    const roundTrips = 2 * this.#costOf(from, to)
    const lateAt = now + BELIEVE_MS + roundTrips
    const move: Move = { waiting, from, to, isTruthAt: now + CROSSING_MS + roundTrips, lateAt }
    from.remove(waiting)
    from.given.set(waiting.key, move)
    waiting.move = move
    to.add(waiting)
    this.#open.add(move)
    this.#settle(from, now)
    this.#settle(to, now)
  }

  /** The receiver has it, or had it: what else it reports is the truth. */
  #hasCome(member: Member, key: string) {
    member.given.delete(key)
    const waiting = member.find(key)
    if (!waiting?.move) return
    this.#open.delete(waiting.move)
    member.remove(waiting)
  }

  #isGone(member: Member, key: string, now: number) {
    const waiting = member.find(key)
    if (waiting && !waiting.move) member.remove(waiting)
    const move = member.given.get(key)
    if (move) this.#undo(move, now)
  }

  #isDeaf(member: Member, id: string, now: number) {
    const receiver = this.#members.get(id)
    if (!receiver) return
    receiver.isDeaf = true
    for (const move of member.given.values()) if (move.to === receiver) this.#undo(move, now)
    this.#settle(receiver, now)
  }

  #isThere(member: Member, [key, ageMs, priority, kind]: Ticket, isFull: boolean, now: number) {
    const move = member.given.get(key)
    // One that is told of as new is back. A full report may have crossed the order.
    if (move && isFull && now < move.isTruthAt) return
    if (move) this.#undo(move, now)
    if (member.find(key)?.move) this.#hasCome(member, key)
    const known = member.find(key)
    if (known && known.kind === kind) return
    // Its function has got a limit, or has none any more.
    if (known) member.remove(known)
    if (!this.#lanes.has(kind)) this.#meet(kind, now)
    member.add({ key, since: now - ageMs, priority, kind, move: undefined, waitMs: Infinity })
  }

  #meet(kind: Kind, now: number) {
    this.#lanes.set(kind, newLanes())
    for (const member of this.#members.values()) {
      member.meet(kind)
      this.#settle(member, now)
    }
  }

  #forgetOthers(member: Member, keys: Set<string>, now: number) {
    for (const waiting of member.line.slice()) if (!waiting.move && !keys.has(waiting.key)) member.remove(waiting)
    for (const [key, { lateAt }] of member.given) if (lateAt <= now) member.given.delete(key)
  }

  /** It has not left, or never comes: the receiver gets its place back. */
  #undo(move: Move, now: number) {
    if (move.from.given.get(move.waiting.key) === move) move.from.given.delete(move.waiting.key)
    this.#drop(move, now)
  }

  #drop(move: Move, now: number) {
    if (!this.#open.delete(move)) return
    move.to.remove(move.waiting)
    this.#settle(move.to, now)
  }

  /** Ends what is believed of the late and the silent. */
  #clean(now: number) {
    for (const move of this.#open) {
      if (move.lateAt > now) break
      this.#drop(move, now)
    }
    for (const { id, heardAt } of this.#members.values()) {
      if (heardAt + FORGET_MS > now) break
      this.forget(id, now)
    }
  }

  #settle(member: Member, now: number) {
    if (this.#members.get(member.id) !== member) return
    member.settle(now)
    for (const [kind, heaps] of this.#lanes) {
      const lane = member.lane(kind)
      const isIn = (heap: IndexedHeap<Lane>, isWanted: boolean) => (isWanted ? heap.put(lane) : heap.delete(lane))
      isIn(heaps.oldest, lane.oldest !== undefined)
      isIn(heaps.behind, lane.behind !== undefined)
      isIn(heaps.receivers, member.slots > 0 && !member.isDeaf)
    }
  }
}
