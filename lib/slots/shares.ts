// Whose requests wait in a backlog. When it is full, the client that holds most of it makes room for one that holds less, with what
// would be computed last of its requests: "longest queue drop", by which no flood takes more than is left by all others (B. Suter,
// T. V. Lakshman, D. Stiliadis, A. K. Choudhury, "Design considerations for supporting TCP with per-flow queueing", INFOCOM 1998).
//
// After an exchange the one who makes room holds no less than the other: else two would push each other out in turn. And it holds no
// less than MODEST of the backlog, since a client is who it says it is: somebody who pretends to be many takes no more than what is left.
import { IndexedHeap } from '../indexed-heap.js'
import { insert, remove } from './in-order.js'
import type { Task } from './task.js'

export interface Limits {
  /** How many requests may wait, and how many bytes their bodies may have together. */
  readonly backlog: number
  readonly backlogBytes: number
}

/** Who holds so little of a backlog loses none of it. */
const MODEST = 0.01
/** So many make room for one at most. */
const MOST_EVICTED = 16

interface Share<T> {
  readonly tasks: T[]
  bytes: number
}

export class Shares<T extends Task> {
  readonly #shares = new Map<string, Share<T>>()
  readonly #byCount = new IndexedHeap<Share<T>>((a, b) => a.tasks.length > b.tasks.length)
  readonly #byBytes = new IndexedHeap<Share<T>>((a, b) => a.bytes > b.bytes)

  add(task: T) {
    let share = this.#shares.get(task.client)
    if (!share) this.#shares.set(task.client, (share = { tasks: [], bytes: 0 }))
    insert(share.tasks, task)
    share.bytes += task.body.byteLength
    this.#byCount.put(share)
    this.#byBytes.put(share)
  }

  delete(task: T) {
    const share = this.#shares.get(task.client)
    if (!share || !remove(share.tasks, task)) return
    share.bytes -= task.body.byteLength
    if (share.tasks.length > 0) {
      this.#byCount.put(share)
      this.#byBytes.put(share)
    } else {
      this.#shares.delete(task.client)
      this.#byCount.delete(share)
      this.#byBytes.delete(share)
    }
  }

  /** Who makes room for a request that wants so many bytes of others, or else a place; nobody if its client is to hold no more. */
  evictedFor(task: T, missingBytes: number, { backlog, backlogBytes }: Limits): readonly T[] {
    const most = (missingBytes > 0 ? this.#byBytes : this.#byCount).first
    if (!most) return []
    const own = this.#shares.get(task.client)
    const evicted: T[] = []
    let bytes = 0
    do {
      const next = most.tasks.at(-1 - evicted.length)
      if (!next || evicted.length === MOST_EVICTED) return []
      evicted.push(next)
      bytes += next.body.byteLength
    } while (bytes < missingBytes)
    const isFair =
      missingBytes > 0
        ? most.bytes - bytes >= Math.max((own?.bytes ?? 0) + task.body.byteLength, MODEST * backlogBytes)
        : most.tasks.length - 1 >= Math.max((own?.tasks.length ?? 0) + 1, MODEST * backlog)
    return isFair ? evicted : []
  }
}
