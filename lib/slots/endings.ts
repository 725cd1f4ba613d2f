// What the end of a process means for the requests that ran in it.
import { Code } from '../protocol/codes.js'
import { NOBODY } from './frames.js'
import type { Outcome, Task } from './task.js'

/** Who is there when a pipe is found closed may be innocent once, or again, but not at each attempt. */
const MOST_CLOSED = 3

export interface ProcessEnd {
  why: string
  /** By us. */
  isKilled: boolean
  /** Since user code has closed one of its pipes. */
  isClosed: boolean
  /** The number of the request whose code ended the process, if it did. */
  exitOf: number | undefined
}

/** Whose fault it is, with their answers, and who was interrupted by it. */
export function endingsOf<T extends Task>(ran: readonly T[], { why, isKilled, isClosed, exitOf }: ProcessEnd) {
  const ending = ran.filter(task => task.ending)
  // What runs when the end comes may be the one after that whose end was meant. From code that runs for nobody it may be the fault
  // of any of them, again and again.
  const isBlamed =
    ending.length > 0 || isKilled
      ? (task: T) => ending.includes(task) || (isClosed && task.attempt >= MOST_CLOSED)
      : (task: T) => exitOf === undefined || exitOf === NOBODY || task.number === exitOf
  const culprits = ran.filter(isBlamed)
  const text = ran.length > 1 ? `${why}, while ${ran.length} requests ran in it` : why
  return {
    outcomes: culprits.map(task => ended(task, task.ending ?? { code: Code.failed, text })),
    interrupted: ran.filter(task => !culprits.includes(task)),
  }
}

/** The outcome of a computation that was ended by force. */
export const ended = <T extends Task>(task: T, { code, text }: { code: number; text: string }): Outcome<T> => ({
  task,
  code,
  body: Buffer.from(text),
  nanoseconds: Math.round((performance.now() - task.startedAt) * 1e6),
  isBytes: false,
  failedArguments: 0,
})

/** The outcome of a request that is answered without having been computed. */
export const unstarted = <T extends Task>(task: T, code: number, text: string): Outcome<T> => ({
  task,
  code,
  body: Buffer.from(text),
  nanoseconds: 0,
  isBytes: false,
  failedArguments: 0,
})
