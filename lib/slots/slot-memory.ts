// What a slot's two sides share: the executor's thread (slot.ts) and the thread that computes (slot-thread.ts).
import type { MessagePort } from 'node:worker_threads'
import { newRing } from './ring.js'

/** Words of `control`. */
export const CLAIMED = 0
export const AWAKE = 1
export const NOTIFIED = 2

/** Kinds of entries from the executor's thread. */
export const INLINE_REQUEST = 0
/** The request lies on the `aside` port, since it is longer than an entry of the ring. */
export const REQUEST_ASIDE = 1

/** Kinds of entries from the computing thread: the body is a result, or it is the text of an error with that code. */
export const RESULT = 0
export const RESULT_ASIDE = 1

/** What the number of a request's entry says: the length of its id, and how many arguments it has if it is a batch, else 0. */
export const tagOf = (idLength: number, batchSize: number) => batchSize * 128 + idLength
export const readTag = (tag: number) => ({ idLength: tag % 128, batchSize: Math.floor(tag / 128) })

/** From the executor's thread by `postMessage`: look at the ring, or abort the computation with that number. */
export type ToThread = { abort: number } | null
/** From the computing thread: look at the ring, the function is loaded, or something for a log. */
export type FromThread = 'ready' | { notice: string } | null

export interface SlotMemory {
  /**
   * `CLAIMED`: how many requests were claimed, each by exactly one side: by the thread that starts it (n → n+1) or by
   * the executor that withdraws all that have not started (n → all sent). `AWAKE`: the thread is going to look at the
   * ring. `NOTIFIED`: the executor is going to look at the results.
   */
  control: Int32Array<SharedArrayBuffer>
  requests: SharedArrayBuffer
  results: SharedArrayBuffer
}

export interface SlotData extends SlotMemory {
  /** The URL of the function's module. */
  module: string
  aside: MessagePort
}

export const newSlotMemory = (): SlotMemory => ({
  control: new Int32Array(new SharedArrayBuffer(12)),
  requests: newRing(),
  results: newRing(),
})
