// A request in the hands of this executor, from its arrival until it is answered or handed over.
import type { Request } from '../protocol/request.js'
import type { Task } from '../slots/task.js'

export interface Job extends Request, Task {
  body: Uint8Array
  /** Answered or handed over: no longer in the hands of this executor. */
  isGone: boolean
}

export const newJob = (request: Request): Job => ({
  ...request,
  startedAt: 0,
  isAnnounced: false,
  slot: undefined,
  number: 0,
  ending: undefined,
  isGone: false,
})
