// What the slots know of a request.
import type { Thrown } from '../protocol/thrown.js'
import type { UserHeaders } from '../protocol/raw-headers.js'
import type { Slot } from './slot.js'

export interface Task {
  readonly id: string
  /** '' is the default export. */
  readonly functionName: string
  /** How many arguments there are in the body, if it is a batch, else 0. */
  readonly batchSize: number
  readonly isBytes: boolean
  /** From 1 on. */
  readonly attempt: number
  readonly wantsProgress: boolean
  /** Its process may die of it, so its client is to know of its start before it starts. */
  readonly isToldFirst: boolean
  readonly headers: UserHeaders | undefined
  /** The argument: JSON, or bytes. */
  body: Uint8Array
  /** By `performance.now()`. It may be put off. */
  deadline: number
  readonly since: number
  /** Higher is computed earlier, whatever the age. */
  readonly priority: number
  /** Whose it is: no client takes the whole backlog from others. */
  readonly client: string
  /** When its computation started, as far as the executor knows. */
  startedAt: number
  /** Whether its start was told of. */
  isAnnounced: boolean
  /** The slot that computes it or is about to, and its number there. */
  slot: Slot<any> | undefined
  number: number
  /** It is to end, or has ended by force: its answer, unless it has a result before. */
  ending: { code: number; text: string; /** Whatever result comes. */ isFinal?: boolean } | undefined
}

/** What came of a computation: with code 0 `body` is its result, else the text of an error. */
export interface Outcome<T extends Task> {
  task: T
  code: number
  body: Uint8Array
  /** Whether the result is bytes, and not JSON. */
  isBytes: boolean
  nanoseconds: number
  /** What the function threw, if it threw. */
  thrown?: Thrown | undefined
  /** How many arguments of a batch have errors. */
  failedArguments: number
}

/** What a process tells of a computation that has ended. */
export type Ended = Pick<Outcome<Task>, 'code' | 'body' | 'nanoseconds' | 'thrown'> & {
  isBytes?: boolean
  failedArguments?: number
}

/** What user code has printed or left behind, for a log. */
export interface Output {
  requestId: string | undefined
  stream: 'stdout' | 'stderr'
  line: string
}

/** Orders requests as they are to be computed: by priority, and the older ones first. */
export const compareTasks = (a: Task, b: Task) => b.priority - a.priority || a.since - b.since
