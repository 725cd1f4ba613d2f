// The slots of an executor and its backlog: which request is computed next, which one has been computed for long, and which one
// must end.
import { Code } from '../protocol/codes.js'
import { MAX_TICKETS } from '../protocol/dispatch.js'
import { Alarm } from './alarm.js'
import { Backlog } from './backlog.js'
import { Crew } from './crew.js'
import { unstarted } from './endings.js'
import { LONG_MS } from './frames.js'
import { FunctionTable } from './function-table.js'
import type { PoolOptions, PoolOwner } from './pool-owner.js'
import { isSmall } from './room.js'
import type { Served } from './served.js'
import type { Slot } from './slot.js'
import { stuck } from './stuck.js'
import { type Outcome, type Task, compareTasks } from './task.js'
import { TimeLimits } from './time-limits.js'

export class Pool<T extends Task> {
  /** What is served, once a slot has loaded the module. */
  readonly functions = new FunctionTable()
  readonly #backlog = new Backlog<T>()
  readonly #limits: TimeLimits
  readonly #crew: Crew<T>
  readonly #options: PoolOptions
  readonly #owner: PoolOwner<T>
  readonly #alarm = new Alarm(() => this.#look())
  #isClosed = false

  constructor(options: PoolOptions, owner: PoolOwner<T>) {
    this.#options = options
    this.#owner = owner
    this.#limits = new TimeLimits(this.functions, options.timeLimit)
    this.#crew = new Crew(options, {
      ...owner,
      loaded: served => this.#loaded(served),
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
    return this.#backlog.length + this.#crew.all.reduce((sum, slot) => sum + slot.room.outstanding, 0)
  }

  /** How many requests would start at once, or within the time of a short computation. */
  get free() {
    return this.slots.reduce((sum, slot) => sum + slot.room.free, 0)
  }

  /** Whether some slot takes requests. */
  get isOpen() {
    return this.slots.some(({ state }) => state === 'open')
  }

  /** How many requests have not started, and are not about to. */
  get waiting() {
    return this.#backlog.length + this.slots.reduce((sum, slot) => sum + (slot.room.prefetched ? 1 : 0), 0)
  }

  /** Of each function that has a limit, how many more of its requests would start; see `free`. */
  get limits() {
    return this.functions.limits(this.#crew.all)
  }

  /** The requests that wait for what is computed now, in the order in which they will be computed. */
  stuck(): Iterable<T> {
    return stuck(this.slots, this.#backlog.all, this.limits)
  }

  /** Those that are computed. */
  get running(): T[] {
    return this.#crew.all.flatMap(slot => slot.room.running)
  }

  /** Takes a request in; false when the backlog is full. */
  add(task: T): boolean {
    const slot = this.#mayStart(task) && this.#crew.leastBusy()
    if (slot) {
      this.#send(slot, task)
      return true
    }
    const { backlog, backlogBytes } = this.#options
    if (this.waiting >= backlog || this.#backlog.bytes + task.body.byteLength > backlogBytes) return false
    this.insert(task)
    return true
  }

  /** Takes those out of the backlog that make room for a request for which `add` had none. */
  evictFor(task: T): readonly T[] {
    return this.#backlog.evictFor(task, this.#options)
  }

  /** Whether as many requests of its function are in slots as may be. */
  isBlocked(task: T): boolean {
    return this.functions.fullness(this.#crew.all)?.(task) ?? false
  }

  /** Whether its function's limit keeps so many here that more of them would not be told of: who sends it does not know of the limit. */
  isCrowded({ functionName }: T): boolean {
    return this.functions.limit(functionName) < Infinity && this.#backlog.countOf(functionName) >= MAX_TICKETS
  }

  /** Takes a request in whatever the backlog's length. */
  insert(task: T) {
    // What lies in the backlog for long must not keep the whole packet alive that it came in.
    if (task.body.byteLength !== task.body.buffer.byteLength) task.body = new Uint8Array(task.body)
    this.#recall(({ room: { prefetched } }) => prefetched !== undefined && compareTasks(task, prefetched) < 0)
    this.#backlog.add(task)
    this.#fill()
    this.#alarm.ringBy(task.deadline)
    this.#owner.changed()
  }

  /** Takes a request out of here unless it has started, or is about to; whether it did. */
  release(task: T): boolean {
    this.#recall(({ room: { prefetched } }) => prefetched === task)
    const isHere = this.#backlog.remove(task)
    this.#fill()
    return isHere
  }

  /** Takes all requests out of here that have not started. */
  releaseAll(): T[] {
    this.#recall()
    return this.#backlog.clear()
  }

  /** Ends a request that is here, wherever it is. */
  end(task: T, code: number, text: string) {
    const { slot } = task
    if (slot && !slot.isRunning(task)) this.#recall(each => each === slot)
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
    this.#owner.changed()
  }

  /** Replaces all slots by such as have loaded the module anew; see `Executor.reload`. */
  reload(): Promise<void> {
    return this.#crew.reload()
  }

  /** Ends all processes, after `graceMs` milliseconds whatever they do. */
  async close(graceMs = 0) {
    this.#isClosed = true
    this.#alarm.close()
    await this.#crew.close(graceMs)
  }

  // What slots tell.

  #loaded(served: Served) {
    for (const text of this.functions.set(served)) this.#owner.warning(text)
  }

  #opened() {
    this.#fill()
    if (this.slots.every(({ state }) => state === 'open')) this.#owner.ready()
    this.#owner.changed()
  }

  #settled(slot: Slot<T>, outcomes: Outcome<T>[]) {
    if (this.#isClosed) return
    for (const outcome of outcomes) {
      // One that was sent ahead may be over before anybody saw it run.
      this.#announce(outcome.task)
      this.#owner.ended(outcome)
    }
    for (const task of slot.room.running) this.#announce(task)
    if (slot.room.outstanding > 0) this.#watch(slot)
    this.#fill()
    this.#owner.changed()
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
    this.#owner.changed()
  }

  get slots() {
    return this.#crew.slots
  }

  #fill() {
    this.#start()
    // What is left, if anything, may not start now.
    if (this.slots.some(({ room: { freePlaces } }) => freePlaces > 0)) {
      this.#recall()
      this.#start()
    }
    // The next request of a slot that computes something long is in its hands already, so that it stands empty for no
    // moment; until it starts it can be taken back.
    for (const slot of this.slots) {
      if (this.#backlog.length === 0 || !slot.room.mayPrefetch) continue
      const next = this.#backlog.first(this.functions.fullness(this.#crew.all))
      if (next && isSmall(next) && this.#backlog.remove(next)) slot.send(next)
    }
  }

  /** Sends requests to slots that have room. */
  #start() {
    while (this.#backlog.length > 0) {
      const slot = this.#crew.leastBusy()
      if (!slot) break
      const task = this.#next()
      if (!task) break
      if (task.deadline <= performance.now()) this.#expire(task)
      else this.#send(slot, task)
    }
  }

  /** Whether nothing waits before it but what its function's limit keeps. */
  #mayStart(task: T): boolean {
    const isBlocked = this.functions.fullness(this.#crew.all)
    if (!isBlocked) return this.#backlog.length === 0
    return !isBlocked(task) && !this.#backlog.hasStartable(isBlocked)
  }

  /** Takes the next request out that may start. */
  #next(): T | undefined {
    return this.#backlog.shift(this.functions.fullness(this.#crew.all))
  }

  /** Takes back what was sent ahead to such slots. */
  #recall(isWanted: (slot: Slot<T>) => boolean = ({ room: { prefetched } }) => prefetched !== undefined) {
    for (const slot of this.slots) if (isWanted(slot)) this.#backlog.add(...slot.recall())
  }

  #send(slot: Slot<T>, task: T) {
    const isNew = slot.room.freePlaces > 0
    slot.send(task)
    if (!isNew) return
    this.#announce(task)
    this.#watch(slot)
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
    const isKnown = slot.room.width === 1 && slot.room.isCautious && !slot.room.isLong
    if (isKnown) slot.room.isLong = true
    this.#alarm.ringBy(this.#limits.nextLookAt(slot.room, this.#backlog.length > 0))
    if (isKnown || slot.room.width > 1) this.#owner.changed()
  }

  #look() {
    const now = performance.now()
    let turnedLong = false
    for (const slot of this.#crew.all) {
      if (!slot.room.isLong && slot.room.outstanding > 0 && slot.room.longAt <= now) {
        slot.room.isLong = turnedLong = true
        this.#backlog.add(...slot.recall())
      }
      for (const task of slot.room.running) {
        if (this.#limits.isOld(task, now)) this.#crew.prepareSpare()
        const why = this.#limits.over(task, now)
        if (why !== undefined) slot.end(task, Code.deadline, why)
      }
    }
    this.#recall(({ room: { prefetched } }) => prefetched !== undefined && prefetched.deadline <= now)
    for (const task of this.#backlog.takeExpired(now)) this.#expire(task)
    this.#fill()
    if (turnedLong) this.#owner.changed()
    let at = this.#backlog.nextDeadline
    for (const slot of this.#crew.all) at = Math.min(at, this.#limits.nextLookAt(slot.room, this.#backlog.length > 0))
    this.#alarm.ringBy(Math.max(at, performance.now() + LONG_MS))
  }

  #expire(task: T) {
    this.#owner.ended(unstarted(task, Code.deadline, 'the deadline passed before computing'))
  }
}
