// The slots of an executor and its backlog: which request is computed next, which one has been computed for long, and which one
// must end.
import { Code } from '../protocol/codes.js'
import { Alarm } from './alarm.js'
import { Backlog } from './backlog.js'
import { Crew } from './crew.js'
import { unstarted } from './endings.js'
import { LONG_MS } from './frames.js'
import type { PoolOptions, PoolOwner } from './pool-owner.js'
import type { Slot } from './slot.js'
import type { Outcome, Task } from './task.js'

/** A computation that has taken so long may be one that is cancelled, or runs into a limit. */
const OLD_MS = 500

export class Pool<T extends Task> {
  readonly #backlog = new Backlog<T>()
  readonly #crew: Crew<T>
  readonly #options: PoolOptions
  readonly #owner: PoolOwner<T>
  readonly #alarm = new Alarm(() => this.#look())
  /** A slot is free for what waits, and stays so until an older request is here. */
  #isFetching = false
  #isClosed = false

  constructor(options: PoolOptions, owner: PoolOwner<T>) {
    this.#options = options
    this.#owner = owner
    this.#crew = new Crew(options, {
      ...owner,
      opened: () => this.#opened(),
      settled: (slot, outcomes) => this.#settled(slot, outcomes),
      returned: tasks => this.#returned(tasks),
      interrupted: (tasks, text) => {
        if (!this.#isClosed) for (const task of tasks) owner.interrupted(task, text)
      },
    })
  }

  /** How many requests are here. */
  get size() {
    return this.#backlog.length + this.#crew.all.reduce((sum, slot) => sum + slot.outstanding, 0)
  }

  /** How many requests would start at once. */
  get freeSlots() {
    return this.slots.reduce((sum, slot) => sum + slot.freePlaces, 0)
  }

  /** Whether no slot will be free soon: each one computes something that is or may be long, or has no process now. */
  get isSaturated() {
    return this.slots.every(slot => slot.isSaturated)
  }

  /** How many requests have not started, and are not about to. */
  get waiting() {
    return this.#backlog.length + this.slots.reduce((sum, slot) => sum + (slot.prefetched ? 1 : 0), 0)
  }

  /** The oldest of them. */
  get oldest(): T | undefined {
    let oldest = this.#backlog.oldest
    for (const { prefetched } of this.slots)
      if (prefetched && !(oldest && oldest.since <= prefetched.since)) oldest = prefetched
    return oldest
  }

  /** Those that are computed. */
  get running(): T[] {
    return this.#crew.all.flatMap(slot => slot.running)
  }

  /** Whether all slots have loaded the function. */
  get isReady() {
    return this.slots.every(({ state }) => state === 'open')
  }

  /** Takes a request in; false when the backlog is full. */
  add(task: T): boolean {
    if (this.#backlog.length === 0) {
      const slot = this.#leastBusy()
      if (slot) {
        this.#send(slot, task)
        return true
      }
    }
    if (this.waiting >= this.#options.backlog) return false
    this.insert(task)
    return true
  }

  /** Takes a request in whatever the backlog's length, at the place of its age. */
  insert(task: T) {
    // What lies in the backlog for long must not keep the whole packet alive that it came in.
    if (task.body.byteLength !== task.body.buffer.byteLength) task.body = new Uint8Array(task.body)
    this.#recallPrefetched()
    this.#backlog.add(task)
    this.#fill()
    this.#alarm.ringBy(task.deadline)
    this.#tellIfStuck()
  }

  /** What was to be fetched first is here, or does not come. */
  resume() {
    if (this.#isClosed) return
    this.#isFetching = false
    this.#fill()
    this.#tellIfStuck()
    this.#owner.moved()
  }

  /** Others are known to have older requests now. */
  reconsider() {
    if (this.slots.some(({ prefetched }) => prefetched && this.#owner.isOutranked(prefetched))) this.#recallPrefetched()
    this.#fill()
  }

  /** Takes the oldest request that has not started, and may leave, out of here. */
  take(mayLeave: (task: T) => boolean = () => true): T | undefined {
    this.#recallPrefetched()
    this.#dropExpired()
    // One that came back may be about to start.
    this.#start()
    const oldest = this.#backlog.take(mayLeave)
    this.#fill()
    return oldest
  }

  /** Takes the newest request that has not started out of here, unless it is the only one that waits for some slot. */
  takeSpare(mayLeave: (task: T) => boolean): T | undefined {
    const { newest } = this.#backlog
    if (!newest || !mayLeave(newest) || this.waiting <= this.slots.length) return undefined
    this.#backlog.remove(newest)
    return newest
  }

  /** Ends a request that is here, wherever it is. */
  end(task: T, code: number, text: string) {
    const { slot } = task
    if (slot && !slot.isRunning(task)) this.#backlog.add(...(slot.recall() as T[]))
    // It runs, or is about to: what may have started is ended there.
    if (task.slot) {
      // Its process may have to end, too.
      this.#crew.prepareSpare()
      return task.slot.end(task, code, text)
    }
    // Else its result was among what `recall` has read, and is told in a moment.
    if (!this.#backlog.remove(task)) return
    this.#fill()
    this.#owner.ended(unstarted(task, code, text))
  }

  /** Ends all processes, whatever they do. */
  async close() {
    this.#isClosed = true
    this.#alarm.close()
    await this.#crew.close()
  }

  // What slots tell.

  #opened() {
    this.#fill()
    this.#owner.moved()
  }

  #settled(slot: Slot<T>, outcomes: Outcome<T>[]) {
    if (this.#isClosed) return
    for (const outcome of outcomes) {
      // One that was sent ahead may be over before anybody saw it run.
      this.#announce(outcome.task)
      this.#owner.ended(outcome)
    }
    this.#announceRunning(slot)
    if (slot.outstanding > 0) this.#watch(slot)
    const next = this.#backlog.oldest
    if (next && slot.freePlaces > 0 && slot.isCautious) this.#isFetching ||= this.#owner.fetchBefore(next)
    this.#fill()
    this.#owner.moved()
  }

  #returned(tasks: T[]) {
    if (this.#isClosed) return
    for (const task of tasks)
      if (task.ending) this.#owner.ended(unstarted(task, task.ending.code, task.ending.text))
      else {
        this.#backlog.add(task)
        this.#alarm.ringBy(task.deadline)
      }
    this.#fill()
    this.#tellIfStuck()
  }

  get slots() {
    return this.#crew.slots
  }

  get #oldMs() {
    return Math.min(OLD_MS, this.#options.timeLimit / 2)
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
    if (this.#backlog.length === 0 && this.freeSlots > 0) this.#recallPrefetched()
    this.#start()
    // The next request of a slot that computes something long is in its hands already, so that it stands empty for no
    // moment; until it starts it can be taken back.
    if (this.#isFetching) return
    for (const slot of this.slots) {
      const next = this.#backlog.oldest
      if (!next) return
      if (slot.mayPrefetch && !this.#owner.isOutranked(next)) slot.send(this.#backlog.shift()!)
    }
  }

  /** Sends requests to slots that have room. */
  #start() {
    while (this.#backlog.length > 0 && !this.#isFetching) {
      const slot = this.#leastBusy()
      if (!slot) break
      const task = this.#backlog.shift()!
      if (task.deadline <= performance.now()) this.#expire(task)
      else this.#send(slot, task)
    }
  }

  #recallPrefetched() {
    for (const slot of this.slots) if (slot.prefetched) this.#backlog.add(...slot.recall())
  }

  #tellIfStuck() {
    if (this.isSaturated && this.waiting > 0) this.#owner.stuck()
  }

  #send(slot: Slot<T>, task: T) {
    const isNew = slot.freePlaces > 0
    slot.send(task)
    if (!isNew) return
    this.#announce(task)
    if (this.isSaturated) this.#owner.saturated()
    this.#watch(slot)
  }

  #announceRunning(slot: Slot<T>) {
    for (const task of slot.running) this.#announce(task)
  }

  /** Tells once of each computation, though one that has just been sent may be taken back and sent anew. */
  #announce(task: T) {
    if (task.isAnnounced) return
    task.isAnnounced = true
    this.#owner.started(task)
  }

  /** A computation starts: after a long one it is taken for long, else somebody looks after the grace. */
  #watch(slot: Slot<T>) {
    this.#crew.watchMemory()
    const isKnown = slot.isCautious && !slot.isLong && slot.isSaturated
    if (isKnown) slot.isLong = true
    this.#alarm.ringBy(this.#nextLookAt(slot))
    if (isKnown) this.#owner.turnedLong()
  }

  #look() {
    const now = performance.now()
    let turnedLong = false
    for (const slot of this.#crew.all) {
      if (!slot.isLong && slot.outstanding > 0 && slot.longAt <= now) {
        slot.isLong = turnedLong = true
        this.#backlog.add(...slot.recall())
      }
      for (const task of slot.running) this.#endIfOver(slot, task, now)
      if (slot.prefetched && slot.prefetched.deadline <= now) this.#backlog.add(...slot.recall())
    }
    this.#dropExpired()
    this.#fill()
    if (turnedLong) {
      this.#owner.turnedLong()
      this.#tellIfStuck()
    }
    let at = this.#backlog.nextDeadline
    for (const slot of this.#crew.all) at = Math.min(at, this.#nextLookAt(slot))
    this.#alarm.ringBy(Math.max(at, performance.now() + LONG_MS))
  }

  /** When something is to be seen in a slot next: a computation that may turn long, or get old, or must end. */
  #nextLookAt(slot: Slot<T>) {
    const { running, prefetched } = slot
    const now = performance.now()
    let at = prefetched?.deadline ?? Infinity
    // Only then the next one may be sent ahead.
    if (running.length > 0 && (!slot.isLong || (this.#backlog.length > 0 && slot.longAt > now)))
      at = Math.min(at, slot.longAt)
    for (const { startedAt, deadline, ending } of running) {
      if (ending) continue
      at = Math.min(at, deadline, startedAt + this.#options.timeLimit)
      if (now < startedAt + this.#oldMs) at = Math.min(at, startedAt + this.#oldMs)
    }
    return at
  }

  #endIfOver(slot: Slot<T>, task: T, now: number) {
    const { timeLimit } = this.#options
    if (now >= task.startedAt + this.#oldMs) this.#crew.prepareSpare()
    if (task.deadline <= now) slot.end(task, Code.deadline, 'the deadline passed while computing')
    else if (now >= task.startedAt + timeLimit)
      slot.end(task, Code.deadline, `the computation took longer than the executor's time limit of ${timeLimit} ms`)
  }

  #dropExpired() {
    const now = performance.now()
    if (this.slots.some(({ prefetched }) => prefetched && prefetched.deadline <= now)) this.#recallPrefetched()
    for (const task of this.#backlog.takeExpired(now)) this.#expire(task)
  }

  #expire(task: T) {
    this.#owner.ended(unstarted(task, Code.deadline, 'the deadline passed before computing'))
  }
}
