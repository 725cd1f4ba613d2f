// What clients ask executors about their requests, and the answers: JSON bodies of requests and replies.
import { isList, parseObject } from './dispatch.js'
import { isId } from './subjects.js'

/** No question has more ids than that. */
export const MAX_IDS = 512
/** What an id takes at most in an answer, with the executor that has it now; and the rest, with headers. */
const ID_BYTES = 140
const HEAD_BYTES = 600

/** How many ids a question may have where a message has so many bytes at most, so that its answer has room, too. */
export const mostIdsIn = (maxPayload: number) =>
  Math.max(1, Math.min(MAX_IDS, Math.floor((maxPayload - HEAD_BYTES) / ID_BYTES)))

/** Nor more characters: so many ids take less, and a megabyte of brackets takes 60 ms to read, at each executor that is asked. */
const MAX_LENGTH = 2 ** 16

export interface Question {
  /** The key that the requests were sent with; none if they were sent without. */
  key?: string
  /** The requests that its sender waits for. */
  ids?: string[]
  /** Requests that nobody waits for any more. */
  cancel?: string[]
  /** An answer is wanted though it asks for no request: who is there? */
  roll?: true
}

/** What an executor knows of the requests that it was asked for. */
export interface Status {
  executorId: string
  waiting?: string[]
  computing?: string[]
  /** By id: the executor that has it now. */
  moved?: Record<string, string>
  /** It was answered; the reply is sent again. */
  answered?: string[]
  cancelled?: string[]
  /** Nothing is known of it. Only from an executor that was asked alone. */
  missing?: string[]
}

/** Reads a question; undefined if the text is none. */
export function parseQuestion(text: string): Question | undefined {
  if (text.length > MAX_LENGTH) return undefined
  const question = parseObject(text) as Question | undefined
  const { key, ids, cancel } = question ?? {}
  const isRight =
    question &&
    (key === undefined || isId(key)) &&
    isList(ids, isId) &&
    isList(cancel, isId) &&
    (ids?.length ?? 0) + (cancel?.length ?? 0) <= MAX_IDS
  return isRight ? question : undefined
}

/** Reads an answer; undefined if the text is none. */
export function parseStatus(text: string): Status | undefined {
  const status = parseObject(text) as Partial<Status> | undefined
  if (!status || !isId(status.executorId)) return undefined
  const { waiting, computing, moved = {}, answered, cancelled, missing } = status
  const isRight =
    [waiting, computing, answered, cancelled, missing].every(ids => isList(ids, isId)) &&
    typeof moved === 'object' &&
    moved !== null &&
    Object.entries(moved).flat().every(isId)
  return isRight ? (status as Status) : undefined
}
