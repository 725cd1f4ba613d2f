// Ends the computations of a slot: each by its signal, and if that does not help by the end of its process. A wider slot is not
// blocked: what does not end by its signal is left alone there.
//
// Its timers: one for each computation whose signal the process has yet to confirm, and then one for each that has yet to end.
import { Kind } from './frames.js'
import type { Room } from './room.js'
import type { SlotProcess } from './slot-process.js'
import type { Task } from './task.js'

/**
 * How long a process may be busy before it hears of it; the end of one that is shared costs others. On a busy machine the time when it
 * had no processor does not count.
 */
const DEAF_MS = { alone: 75, shared: 150 }
/** How long a computation that has had its signal may take to end by itself. */
const GRACE_MS = 100
/** For so many times as long at most, since others wait for the end of what blocks a process. */
const MOST_TIMES = 3
/** So much less than it was to have is nothing. */
const SHORT_MS = 10

export class Aborts<T extends Task> {
  readonly #room: Room<T>
  readonly #process: SlotProcess
  readonly #leftAlone: (task: T) => void
  /** By the numbers of the computations. */
  readonly #timers = new Map<number, NodeJS.Timeout>()

  /** `leftAlone` is told of what has not ended, and is no longer in the room. */
  constructor(room: Room<T>, process: SlotProcess, leftAlone: (task: T) => void) {
    this.#room = room
    this.#process = process
    this.#leftAlone = leftAlone
  }

  /** Ends one that runs. */
  start(task: T) {
    this.#process.post(Kind.abort, task.number)
    const { alone, shared } = DEAF_MS
    this.#later(task.number, this.#room.width > 1 ? shared : alone, () => this.#killFor(task))
  }

  /** The process has said that one has had its signal. */
  arrived(number: number) {
    clearTimeout(this.#timers.get(number))
    this.#timers.delete(number)
    const task = this.#room.sent.find(number)
    if (task) this.#later(number, GRACE_MS, () => (this.#room.width > 1 ? this.#leaveAlone(task) : this.#killFor(task)))
  }

  clear() {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  #later(number: number, ms: number, act: () => void, until = performance.now() + MOST_TIMES * ms) {
    const waitedBefore = this.#process.waitedMs
    const look = () => {
      // It may have ended meanwhile, or had its signal.
      this.#process.hearAll()
      if (this.#timers.get(number) !== timer) return
      const missedMs = this.#process.waitedMs - waitedBefore
      const moreMs = Math.min(missedMs, until - performance.now())
      if (moreMs > SHORT_MS) return this.#later(number, moreMs, act, until)
      this.#timers.delete(number)
      act()
    }
    const timer = setTimeout(look, ms)
    this.#timers.set(number, timer)
  }

  #killFor(task: T) {
    // Those that run beside it are not at fault.
    if (this.#room.isRunning(task)) this.#process.kill(task.ending!.text)
  }

  #leaveAlone(task: T) {
    if (this.#room.sent.find(task.number) !== task) return
    this.#room.sent.remove(task)
    this.#leftAlone(task)
  }
}
