// The slots of an executor and its backlog: what is here, which request has been computed for long, and which one must end.
import { Code } from '../protocol/codes.js'
import { MAX_TICKETS } from '../protocol/dispatch.js'
import { Alarm } from './alarm.js'
import { Backlog } from './backlog.js'
import { Crew } from './crew.js'
import { unstarted } from './endings.js'
import { Feeder } from './feeder.js'
import { LONG_MS } from './frames.js'
import { FunctionTable } from './function-table.js'
import type { PoolOptions, PoolOwner } from './pool-owner.js'
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
  readonly #feeder: Feeder<T>
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
    this.#feeder = new Feeder(this.#backlog, this.#crew, this.functions, {
      sent: (slot, task) => {
        this.#announce(task)
        this.#watch(slot)
      },
      expired: task => this.#expire(task),
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

  /** How many requests would start at once. */
  get freePlaces() {
    return this.slots.reduce((sum, slot) => sum + slot.room.freePlaces, 0)
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
    if (this.#feeder.sendAtOnce(task)) return true
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
    this.#feeder.recall(({ room: { prefetched } }) => prefetched !== undefined && compareTasks(task, prefetched) < 0)
    this.#backlog.add(task)
    this.#feeder.fill()
    this.#alarm.ringBy(task.deadline)
    this.#owner.changed()
  }

  /** Takes a request out of here unless it has started, or is about to; whether it did. */
  release(task: T): boolean {
    this.#feeder.recall(({ room: { prefetched } }) => prefetched === task)
    const isHere = this.#backlog.remove(task)
    this.#feeder.fill()
    return isHere
  }

  /** Takes all requests out of here that have not started. */
  releaseAll(): T[] {
    this.#feeder.recall()
    return this.#backlog.clear()
  }

  /** Ends a request that is here, wherever it is. */
  end(task: T, code: number, text: string) {
    const { slot } = task
    if (slot && !slot.isRunning(task)) this.#feeder.recall(each => each === slot)
    // It runs, or is about to: what may have started is ended there.
    if (task.slot) {
      // Its process may have to end, too.
      this.#crew.prepareSpare()
      return task.slot.end(task, code, text)
    }
    // Else its result was among what `recall` has read, and is told in a moment.
    if (!this.#backlog.remove(task)) return
    this.#feeder.fill()
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
    this.#feeder.fill()
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
    this.#feeder.fill()
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
    this.#feeder.fill()
    this.#owner.changed()
  }

  get slots() {
    return this.#crew.slots
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
    this.#feeder.recall(({ room: { prefetched } }) => prefetched !== undefined && prefetched.deadline <= now)
    for (const task of this.#backlog.takeExpired(now)) this.#expire(task)
    this.#feeder.fill()
    if (turnedLong) this.#owner.changed()
    let at = this.#backlog.nextDeadline
    for (const slot of this.#crew.all) at = Math.min(at, this.#limits.nextLookAt(slot.room, this.#backlog.length > 0))
    this.#alarm.ringBy(Math.max(at, performance.now() + LONG_MS))
  }

  #expire(task: T) {
    this.#owner.ended(unstarted(task, Code.deadline, 'the deadline passed before computing'))
  }
}
