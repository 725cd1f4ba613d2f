// A batch: many arguments in one request, computed one after the other in one slot; each has its own result or error.

/** The most arguments of a batch. */
export const MAX_BATCH_SIZE = 10_000

/** The body of the reply to a batch: the results in order, and by their indexes the codes and texts of errors. */
export interface BatchReply {
  results: unknown[]
  errors?: Record<number, [code: number, text: string]>
}
