// The functions that the slots serve, and what is set on them.
import type { Served, ServedFunction } from './served.js'
import type { Slot } from './slot.js'
import type { Task } from './task.js'

export class FunctionTable {
  #functions = new Map<string, ServedFunction>()
  #isLimited = false

  get all(): Iterable<ServedFunction> {
    return this.#functions.values()
  }

  get(name: string): ServedFunction | undefined {
    return this.#functions.get(name)
  }

  /** A slot has loaded the module; the last one is right. */
  set({ functions }: Served) {
    this.#functions = new Map(functions.map(each => [each.name, each]))
    this.#isLimited = functions.some(({ concurrency }) => concurrency !== undefined)
  }

  /** How long a computation may take, in milliseconds, if not longer than `most`. */
  timeLimit({ functionName }: Task, most: number): number {
    return Math.min(most, this.#functions.get(functionName)?.timeLimit ?? Infinity)
  }

  /** Tells of requests whether as many of their function are in slots as may be; undefined if no function has such a limit. */
  fullness(slots: readonly Slot<any>[]): ((task: Task) => boolean) | undefined {
    if (!this.#isLimited) return undefined
    const counts = new Map<string, number>()
    for (const slot of slots)
      for (const { functionName } of slot.room.sent.all) counts.set(functionName, (counts.get(functionName) ?? 0) + 1)
    return ({ functionName }) =>
      (counts.get(functionName) ?? 0) >= (this.#functions.get(functionName)?.concurrency ?? Infinity)
  }
}
