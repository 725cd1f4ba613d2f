// A request in the hands of this executor, from its arrival until it is answered or handed over.
import type { Slot } from './slot.js'

export interface HeldRequest {
  /** Its sender's id, or one made here. */
  readonly id: string
  /** Whether the id is its sender's: then it is echoed, and asked about. */
  readonly named: boolean
  /** The inboxes that get the reply: more than one when the same request was sent again. */
  readonly replyTo: string[]
  /** How many arguments there are in the body, if it is a chunk: an array of them; else 0. */
  readonly items: number
  /** The argument as JSON. */
  body: Uint8Array
  /** When its sender stops waiting, by this process' `performance.now()`; `Infinity` if it did not say. */
  readonly deadline: number
  /** When its sender sent it, as far as is known: now less what it waited, by `performance.now()`. */
  readonly since: number
  /** When it came here. */
  readonly arrived: number
  /** When its computation started, as far as this thread knows. */
  started: number
  /** Whether its start was told of. */
  announced: boolean
  /** The slot that computes it or is about to, and its number there. */
  slot: Slot | undefined
  number: number
  /** Answered or handed over: no longer in the hands of this executor. */
  gone: boolean
}
