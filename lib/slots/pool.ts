// The slots of an executor and its backlog: which request is computed next, which one has been computed for long, and
// which one must end. It knows nothing of NATS.
import type { Task } from './task.js'
import { Code } from '../protocol/codes.js'
import { GRACE_MS, Slot, type SlotOwner } from './slot.js'

const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface PoolOwner<T> {
  ended(request: T, code: number, body: Uint8Array, nanoseconds: number): void
  /** A computation started, as far as this thread can know. */
  started(request: T): void
  /** The last free slot has been taken. */
  saturated(): void
  /** A computation has just turned out to be long. */
  turnedLong(): void
  /** The backlog has become longer and no slot is about to take from it. */
  stuck(): void
  /** Requests left the backlog for slots, or a slot became free. */
  moved(): void
  /** Whether an older request, which is elsewhere, is to be computed before this one. */
  isOutranked(request: T): boolean
  /** A slot is free for this request. True: an older one is fetched first, and `resume` follows. */
  fetchBefore(request: T): boolean
  notice(text: string): void
  unloadable(error: Error): void
}

export interface PoolOptions {
  module: string
  concurrency: number
  memoryLimit: number
  timeLimit: number
  backlog: number
}

export class Pool<T extends Task> implements SlotOwner<T> {
  /** Not yet sent to a slot, oldest first. */
  readonly #backlog: T[] = []
  readonly slots: Slot<T>[]
  readonly #options: PoolOptions
  readonly #owner: PoolOwner<T>
  #timer: NodeJS.Timeout | undefined
  #lookAt = Infinity
  #seen = new Map<Slot<T>, number>()
  /** A slot is free for what waits, and stays so until an older request is here. */
  #isFetching = false
  #closed = false

  constructor(options: PoolOptions, owner: PoolOwner<T>) {
    this.#options = options
    this.#owner = owner
    this.slots = Array.from(
      { length: options.concurrency },
      () => new Slot<T>(options.module, options.memoryLimit, this),
    )
  }

  /** How many requests are here. */
  get size() {
    return this.#backlog.length + this.slots.reduce((sum, slot) => sum + slot.outstanding, 0)
  }

  /** How many slots have nothing to do. */
  get freeSlots() {
    return this.slots.reduce((sum, slot) => sum + (slot.isReady && slot.outstanding === 0 ? 1 : 0), 0)
  }

  /** Whether no slot will be free soon: each one computes something that is or may be long, or has no thread now. */
  get isSaturated() {
    return this.slots.every(slot => !slot.isReady || (slot.isCautious && slot.outstanding > 0))
  }

  /** How many requests have not started, and are not about to. */
  get waiting() {
    return this.#backlog.length + this.slots.reduce((sum, slot) => sum + (slot.onDeck ? 1 : 0), 0)
  }

  /** The oldest of them. */
  get oldest(): T | undefined {
    let oldest = this.#backlog[0]
    for (const { onDeck } of this.slots) if (onDeck && !(oldest && oldest.since <= onDeck.since)) oldest = onDeck
    return oldest
  }

  get isReady() {
    return this.slots.every(slot => slot.isReady)
  }

  /** Takes a request in; false when the backlog is full. */
  add(request: T): boolean {
    if (this.#backlog.length === 0) {
      const slot = this.#leastBusy()
      if (slot) {
        this.#send(slot, request)
        return true
      }
    }
    if (this.waiting >= this.#options.backlog) return false
    this.insert(request)
    return true
  }

  /** Takes a request in whatever the backlog's length, at the place of its age. */
  insert(request: T) {
    // What lies in the backlog for long must not keep the whole packet alive that it came in.
    if (request.body.byteLength !== request.body.buffer.byteLength) request.body = new Uint8Array(request.body)
    this.#undeck()
    this.#place(request)
    this.#fill()
    this.#lookBy(request.deadline)
    this.#tellIfStuck()
  }

  /** What was to be fetched first is here, or does not come. */
  resume() {
    if (this.#closed) return
    this.#isFetching = false
    this.#fill()
    this.#tellIfStuck()
    this.#owner.moved()
  }

  /** Others are known to have older requests now. */
  reconsider() {
    if (this.slots.some(({ onDeck }) => onDeck && this.#owner.isOutranked(onDeck))) this.#undeck()
    this.#fill()
  }

  /** Takes the oldest request that has not started, and may leave, out of here. */
  take(mayLeave: (request: T) => boolean = () => true): T | undefined {
    this.#undeck()
    this.#dropExpired()
    // One that its slot had not claimed yet is back as well, and is about to start there.
    this.#start()
    const at = this.#backlog.findIndex(request => mayLeave(request))
    const oldest = at < 0 ? undefined : this.#backlog.splice(at, 1)[0]
    this.#fill()
    return oldest
  }

  /** Takes the newest request that has not started out of here, unless it is the only one that waits for some slot. */
  takeSpare(mayLeave: (request: T) => boolean): T | undefined {
    const newest = this.#backlog.at(-1)
    return newest && mayLeave(newest) && this.waiting > this.slots.length ? this.#backlog.pop() : undefined
  }

  /** Ends a request that is here, wherever it is. */
  end(request: T, code: number, text: string) {
    const slot = request.slot
    if (slot && slot.running === request) {
      slot.end(code, text)
      return
    }
    if (slot) this.#backlog.unshift(...slot.withdraw())
    // The thread may have claimed it just before it was withdrawn.
    if (request.slot) return request.slot.end(code, text)
    const at = this.#backlog.indexOf(request)
    if (at >= 0) this.#backlog.splice(at, 1)
    this.#fill()
    this.#owner.ended(request, code, Buffer.from(text), 0)
  }

  /** Ends all threads, whatever they do. */
  async close() {
    this.#closed = true
    clearTimeout(this.#timer)
    await Promise.all(this.slots.map(slot => slot.close()))
  }

  // What slots tell.

  ready() {
    this.#fill()
    this.#owner.moved()
  }

  result(request: T, code: number, body: Uint8Array, nanoseconds: number) {
    // One that was on deck may be over before anybody saw it run.
    this.#announce(request)
    this.#owner.ended(request, code, body, nanoseconds)
  }

  moved(slot: Slot<T>) {
    const { running } = slot
    this.#announce(running)
    if (slot.outstanding > 0) this.#watch(slot)
    // Sent ahead and not claimed yet, it is still to be announced.
    if (slot.outstanding > 0 && !running) this.#lookBy(performance.now() + GRACE_MS)
    const next = this.#backlog[0]
    if (next && slot.outstanding === 0 && slot.isCautious) this.#isFetching ||= this.#owner.fetchBefore(next)
    this.#fill()
    this.#owner.moved()
  }

  returned(requests: T[]) {
    if (requests.length === 0) return
    this.#backlog.unshift(...requests)
    this.#fill()
    for (const { deadline } of requests) this.#lookBy(deadline)
    this.#tellIfStuck()
  }

  notice(text: string) {
    this.#owner.notice(text)
  }

  unloadable(error: Error) {
    this.#owner.unloadable(error)
  }

  #leastBusy(): Slot<T> | undefined {
    let best: Slot<T> | undefined
    for (const slot of this.slots)
      if (slot.hasRoom && (!best || slot.outstanding < best.outstanding)) {
        best = slot
        if (slot.outstanding === 0) break
      }
    return best
  }

  #fill() {
    if (this.#backlog.length === 0 && this.freeSlots > 0) this.#undeck()
    this.#start()
    // The next request of a slot that computes something long is in its hands already, so that it stands empty for no
    // moment; until it starts it can be taken back.
    if (this.#isFetching) return
    for (const slot of this.slots) {
      const next = this.#backlog[0]
      if (next && slot.mayDeck && !this.#owner.isOutranked(next)) slot.push(this.#backlog.shift()!)
    }
  }

  /** Sends requests to slots that have room. */
  #start() {
    while (this.#backlog.length > 0 && !this.#isFetching) {
      const slot = this.#leastBusy()
      if (!slot) break
      const request = this.#backlog.shift()!
      if (request.deadline <= performance.now()) this.#expire(request)
      else this.#send(slot, request)
    }
  }

  /** Takes back what is on deck. */
  #undeck() {
    for (const slot of this.slots) if (slot.onDeck) for (const request of slot.withdraw()) this.#place(request)
  }

  /** Puts a request into the backlog at the place of its age. */
  #place(request: T) {
    const at = this.#backlog.findLastIndex(other => other.since <= request.since) + 1
    this.#backlog.splice(at, 0, request)
  }

  #tellIfStuck() {
    if (this.isSaturated && this.waiting > 0) this.#owner.stuck()
  }

  #send(slot: Slot<T>, request: T) {
    const isFirst = slot.outstanding === 0
    slot.push(request)
    if (!isFirst) return
    this.#announce(request)
    if (this.isSaturated) this.#owner.saturated()
    this.#watch(slot)
  }

  /** Tells once of each computation, though one that has just been sent may be taken back and sent anew. */
  #announce(request: T | undefined) {
    if (!request || request.isAnnounced) return
    request.isAnnounced = true
    this.#owner.started(request)
  }

  /** A computation starts: after a long one it is taken for long, else somebody looks after the grace. */
  #watch(slot: Slot<T>) {
    const now = performance.now()
    if (slot.isCautious) {
      slot.long = true
      this.#lookBy(Math.min(slot.first!.deadline, now + this.#options.timeLimit))
      this.#owner.turnedLong()
      return
    }
    const at = now + GRACE_MS
    if (this.#lookAt <= at) return
    for (const slot of this.slots) this.#remember(slot)
    this.#lookBy(at)
  }

  #lookBy(at: number) {
    if (this.#closed || this.#lookAt <= at) return
    clearTimeout(this.#timer)
    this.#lookAt = at
    this.#timer = setTimeout(this.#look, Math.min(Math.ceil(at - performance.now()), LONGEST_TIMER_MS))
  }

  /** Notes how far a slot is, so that the next look sees whether it moved. */
  #remember(slot: Slot<T>) {
    if (slot.outstanding > 0) this.#seen.set(slot, slot.finished)
    else this.#seen.delete(slot)
  }

  readonly #look = () => {
    this.#lookAt = Infinity
    let turnedLong = false
    for (const slot of this.slots) {
      slot.read()
      if (!slot.long && this.#seen.get(slot) === slot.finished && slot.running) {
        slot.long = turnedLong = true
        for (const request of slot.withdraw()) this.#place(request)
      }
      this.#remember(slot)
      const running = slot.running
      this.#announce(running)
      if (running) this.#endIfOver(slot, running)
    }
    this.#dropExpired()
    this.#fill()
    if (turnedLong) {
      this.#owner.turnedLong()
      this.#tellIfStuck()
    }
    this.#lookBy(this.#nextLook())
  }

  /** When something is to be seen next: a computation that may turn long, or the end of a time limit. */
  #nextLook() {
    const soonest = performance.now() + GRACE_MS
    let at = Infinity
    for (const { outstanding, long, running, onDeck } of this.slots) {
      if (outstanding > 0 && !(long && running)) return soonest
      if (running) at = Math.min(at, running.deadline, running.startedAt + this.#options.timeLimit)
      if (onDeck) at = Math.min(at, onDeck.deadline)
    }
    for (const { deadline } of this.#backlog) at = Math.min(at, deadline)
    return Math.max(at, soonest)
  }

  #endIfOver(slot: Slot<T>, request: T) {
    const now = performance.now()
    if (request.deadline <= now) slot.end(Code.deadline, 'the deadline passed while computing')
    else if (now - request.startedAt > this.#options.timeLimit)
      slot.end(
        Code.deadline,
        `the computation took longer than the executor's time limit of ${this.#options.timeLimit} ms`,
      )
  }

  #dropExpired() {
    const now = performance.now()
    if (this.slots.some(({ onDeck }) => onDeck && onDeck.deadline <= now)) this.#undeck()
    if (!this.#backlog.some(({ deadline }) => deadline <= now)) return
    const expired = this.#backlog.filter(({ deadline }) => deadline <= now)
    const kept = this.#backlog.filter(({ deadline }) => deadline > now)
    this.#backlog.splice(0, Infinity, ...kept)
    for (const request of expired) this.#expire(request)
  }

  #expire(request: T) {
    this.#owner.ended(request, Code.deadline, Buffer.from('the deadline passed before computing'), 0)
  }
}
