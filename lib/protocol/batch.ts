// A batch: many arguments in one request, computed one after the other in one slot; each has its own result or error.
import type { Thrown } from './thrown.js'

/** The most arguments of a batch. */
export const MAX_BATCH_SIZE = 10_000

/** The body of the reply to a batch: the results in order, and by their indexes errors, and results that are bytes, in base64. */
export interface BatchReply {
  results: unknown[]
  errors?: Record<number, [code: number, text: string, thrown?: Thrown]>
  bytes?: Record<number, string>
}
