// A request in the hands of this executor, from its arrival until it is answered or another executor has it.
//
// States: held (it waits or is computed) → moving (on its way to another executor) → held again, if that one did not get it, or
// over; held → over, when it is answered or dropped.
import { type Request, clientOf } from '../protocol/request.js'
import type { Task } from '../slots/task.js'

export interface Job extends Request, Task {
  body: Uint8Array
  /** That of whoever waits longest. */
  deadline: number
  /** Whether one of those who wait may be gone and it is computed all the same. */
  isDetached: boolean
  state: 'held' | 'moving' | 'over'
  /** Under which the matchmaker knows it; '' as long as it does not. */
  ticket: string
  /** What its client was told last, of this executor. */
  toldState: '' | 'waiting' | 'computing'
  /** Another executor did not take it: it is not offered before. */
  staysUntil: number
  /** How often it was nothing for another executor. */
  unfits: number
  /** How often its client was asked whether it is there, since it was heard last; and when. */
  asks: number
  askedAt: number
}

/** Each field by its name: a spread takes microseconds. */
export const newJob = (request: Request, ticket = ''): Job => ({
  id: request.id,
  isNamed: request.isNamed,
  functionName: request.functionName,
  key: request.key,
  isWatched: request.isWatched,
  isToldFirst: request.isToldFirst,
  isDetached: request.isDetached,
  isAtMostOnce: request.isAtMostOnce,
  priority: request.priority,
  replyTo: request.replyTo,
  batchSize: request.batchSize,
  isBytes: request.isBytes,
  attempt: request.attempt,
  wantsProgress: request.wantsProgress,
  headers: request.headers,
  body: request.body,
  deadline: request.deadline,
  since: request.since,
  arrivedAt: request.arrivedAt,
  client: clientOf(request),
  startedAt: 0,
  isAnnounced: false,
  slot: undefined,
  number: 0,
  ending: undefined,
  state: 'held',
  ticket,
  toldState: '',
  staysUntil: 0,
  unfits: 0,
  asks: 0,
  askedAt: 0,
})

/** By what a request is known here: whoever has not the key knows nothing of it. */
export const nameOf = ({ id, key }: { id: string; key: string }) => `${id} ${key}`
