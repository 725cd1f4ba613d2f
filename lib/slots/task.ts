// What the slots know of a request.
import type { Slot } from './slot.js'

export interface Task {
  readonly id: string
  readonly batchSize: number
  body: Uint8Array
  readonly deadline: number
  readonly since: number
  /** When its computation started, as far as this thread knows. */
  startedAt: number
  /** Whether its start was told of. */
  isAnnounced: boolean
  /** The slot that computes it or is about to, and its number there. */
  slot: Slot<any> | undefined
  number: number
}
