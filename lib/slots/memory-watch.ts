// Ends the processes that take more memory than they may, while something is computed in them. Its timer runs as long as something is.
import { Code } from '../protocol/codes.js'
import { residentMiB } from './memory.js'
import type { Slot } from './slot.js'
import type { Task } from './task.js'

/** How often slots that compute are looked at. */
const LOOK_MS = 50

export class MemoryWatch<T extends Task> {
  readonly #slots: () => readonly Slot<T>[]
  readonly #limit: number
  #timer: NodeJS.Timeout | undefined

  /** `limit`: the most of one process, in MiB. */
  constructor(slots: () => readonly Slot<T>[], limit: number) {
    this.#slots = slots
    this.#limit = limit
  }

  /** Something is computed. */
  start() {
    this.#timer ??= setTimeout(this.#look, LOOK_MS)
  }

  close() {
    clearTimeout(this.#timer)
  }

  readonly #look = () => {
    this.#timer = undefined
    for (const slot of this.#slots()) {
      if (slot.room.outstanding === 0 || slot.pid === undefined) continue
      this.start()
      const resident = residentMiB(slot.pid) ?? 0
      if (resident <= this.#limit) continue
      slot.kill(Code.failed, `the function used ${Math.round(resident)} MiB of memory: the limit is ${this.#limit} MiB`)
    }
  }
}
