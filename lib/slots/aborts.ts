// Ends the computations of a slot: each by its signal, and if that does not help by the end of its process. A wider slot is not
// blocked: what does not end by its signal is left alone there.
//
// Its timers: one for each computation whose signal the process has yet to confirm; one for each computation that had its signal in a
// wider slot, to the end.
import { Kind } from './frames.js'
import type { Room } from './room.js'
import type { SlotProcess } from './slot-process.js'
import type { Task } from './task.js'

/** How long a computation that listens to its signal may take to end by itself. */
const GRACE_MS = 25
/** How long a wider slot may be busy with something else before it hears of it: the end of its process costs others. */
const DEAF_MS = 150

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
    const { number } = task
    this.#process.post(Kind.abort, number)
    const look = () => {
      // It may have ended meanwhile, or had its signal.
      this.#process.hearAll()
      // Those that run beside it are not at fault.
      if (this.#timers.delete(number) && this.#room.isRunning(task)) this.#process.kill(task.ending!.text)
    }
    this.#timers.set(number, setTimeout(look, this.#room.width > 1 ? DEAF_MS : GRACE_MS))
  }

  /** The process has said that one has had its signal. */
  arrived(number: number) {
    if (this.#room.width === 1) return
    clearTimeout(this.#timers.get(number))
    this.#timers.delete(number)
    setTimeout(() => {
      const task = this.#room.sent.find(number)
      if (!task) return
      this.#room.sent.remove(task)
      this.#leftAlone(task)
    }, GRACE_MS)
  }

  clear() {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }
}
