// A request in the hands of this executor, from its arrival until it is answered or handed over.
import type { Request } from '../protocol/request.js'
import type { Task } from '../slots/task.js'

export interface Job extends Request, Task {
  body: Uint8Array
  /** Answered or handed over: no longer in the hands of this executor. */
  isGone: boolean
}

/** Each field by its name: a spread takes microseconds. */
export const newJob = (request: Request): Job => ({
  id: request.id,
  isNamed: request.isNamed,
  key: request.key,
  isWatched: request.isWatched,
  isDetached: request.isDetached,
  priority: request.priority,
  replyTo: request.replyTo,
  batchSize: request.batchSize,
  body: request.body,
  deadline: request.deadline,
  since: request.since,
  arrivedAt: request.arrivedAt,
  startedAt: 0,
  isAnnounced: false,
  slot: undefined,
  number: 0,
  ending: undefined,
  isGone: false,
})
