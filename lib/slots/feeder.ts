// Which waiting request goes to which slot, and when: the first that may start to the slot that has the fewest, while one has room;
// and to a slot that computes something long its next one ahead, which can be taken back until it starts.
import type { Backlog } from './backlog.js'
import type { Crew } from './crew.js'
import type { FunctionTable } from './function-table.js'
import { isSmall } from './room.js'
import type { Slot } from './slot.js'
import type { Task } from './task.js'

export interface Fed<T extends Task> {
  /** A request was sent to a slot that computes it now. */
  sent(slot: Slot<T>, task: T): void
  /** Its deadline has passed before that. */
  expired(task: T): void
}

export class Feeder<T extends Task> {
  readonly #backlog: Backlog<T>
  readonly #crew: Crew<T>
  readonly #functions: FunctionTable
  readonly #owner: Fed<T>

  constructor(backlog: Backlog<T>, crew: Crew<T>, functions: FunctionTable, owner: Fed<T>) {
    this.#backlog = backlog
    this.#crew = crew
    this.#functions = functions
    this.#owner = owner
  }

  /** Sends a request that has not waited to a slot; false if none has room, or others come first. */
  sendAtOnce(task: T): boolean {
    const slot = this.#mayStart(task) ? this.#crew.leastBusy() : undefined
    if (!slot || !mayGoTo(slot, task)) return false
    this.#send(slot, task)
    return true
  }

  /** Sends what there is room for. */
  fill() {
    this.#start()
    // What is left, if anything, may not start now.
    if (this.#crew.slots.some(({ room: { freePlaces } }) => freePlaces > 0)) {
      this.recall()
      this.#start()
    }
    // The next request of a slot that computes something long is in its hands already, so that it stands empty for no
    // moment; until it starts it can be taken back.
    for (const slot of this.#crew.slots) {
      if (this.#backlog.length === 0 || !slot.room.mayPrefetch) continue
      const next = this.#backlog.first(this.#functions.fullness(this.#crew.all))
      if (next && isSmall(next) && !next.isToldFirst && this.#backlog.remove(next)) slot.send(next)
    }
  }

  /** Takes back what was sent ahead to such slots. */
  recall(isWanted: (slot: Slot<T>) => boolean = ({ room: { prefetched } }) => prefetched !== undefined) {
    for (const slot of this.#crew.slots) if (isWanted(slot)) this.#backlog.add(...slot.recall())
  }

  /** Sends requests to slots that have room. */
  #start() {
    while (this.#backlog.length > 0) {
      const slot = this.#crew.leastBusy()
      if (!slot) break
      const task = this.#backlog.first(this.#functions.fullness(this.#crew.all))
      if (!task || !mayGoTo(slot, task)) break
      this.#backlog.remove(task)
      if (task.deadline <= performance.now()) this.#owner.expired(task)
      else this.#send(slot, task)
    }
  }

  /** Whether nothing waits before it but what its function's limit keeps. */
  #mayStart(task: T): boolean {
    const isBlocked = this.#functions.fullness(this.#crew.all)
    if (!isBlocked) return this.#backlog.length === 0
    return !isBlocked(task) && !this.#backlog.hasStartable(isBlocked)
  }

  #send(slot: Slot<T>, task: T) {
    const isNew = slot.room.freePlaces > 0
    slot.send(task)
    if (isNew) this.#owner.sent(slot, task)
  }
}

/** Where its start is to be known a request is not sent ahead. */
const mayGoTo = ({ room }: Slot<any>, task: Task) => !task.isToldFirst || room.freePlaces > 0
