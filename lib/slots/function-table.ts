// The functions that the slots serve, and what is set on them.
import type { Limit } from '../protocol/dispatch.js'
import type { Served, ServedFunction } from './served.js'
import type { Slot } from './slot.js'
import type { Task } from './task.js'

export class FunctionTable {
  #warnings: readonly string[] = []
  #functions = new Map<string, ServedFunction>()
  /** Those with a limit: how many at once. */
  #limited = new Map<string, number>()

  get all(): Iterable<ServedFunction> {
    return this.#functions.values()
  }

  get(name: string): ServedFunction | undefined {
    return this.#functions.get(name)
  }

  /** A slot has loaded the module; the last one is right. Which of its warnings are new: each slot says them. */
  set({ functions, warnings = [] }: Served): string[] {
    const fresh = warnings.filter(text => !this.#warnings.includes(text))
    this.#warnings = warnings
    this.#functions = new Map(functions.map(each => [each.name, each]))
    this.#limited = new Map(
      functions.flatMap(({ name, concurrency }) => (concurrency === undefined ? [] : [[name, concurrency]])),
    )
    return fresh
  }

  /** How long a computation may take, in milliseconds, if not longer than `most`. */
  timeLimit({ functionName }: Task, most: number): number {
    return Math.min(most, this.#functions.get(functionName)?.timeLimit ?? Infinity)
  }

  /** Tells of requests whether as many of their function are in slots as may be; undefined if no function has such a limit. */
  fullness(slots: readonly Slot<any>[]): ((task: Task) => boolean) | undefined {
    if (this.#limited.size === 0) return undefined
    const counts = countByFunction(slots.map(({ room }) => room.sent.all))
    return ({ functionName }) => (counts.get(functionName) ?? 0) >= this.limit(functionName)
  }

  /** How many requests of a function may be computed at once. */
  limit(name: string): number {
    return this.#limited.get(name) ?? Infinity
  }

  /** Of each function that has a limit, how many more requests would start, or within the time of a short computation. */
  limits(slots: readonly Slot<any>[]): readonly Limit[] {
    if (this.#limited.size === 0) return NONE
    const counts = countByFunction(slots.map(({ room }) => room.lasting))
    return [...this.#limited].map(([name, most]) => [name, most, Math.max(0, most - (counts.get(name) ?? 0))])
  }
}

const NONE: readonly Limit[] = []

function countByFunction(lists: (readonly Task[])[]) {
  const counts = new Map<string, number>()
  for (const { functionName } of lists.flat()) counts.set(functionName, (counts.get(functionName) ?? 0) + 1)
  return counts
}
