// A request as its sender wrote it, or what is wrong with it.
import { nanoid } from 'nanoid'
import { MAX_BATCH_SIZE } from './batch.js'
import { Detached, Header, Notices, isReserved } from './headers.js'
import { isBytesType } from './payload.js'
import type { RawHeaders, UserHeaders } from './raw-headers.js'
import { isFunctionName, isId } from './subjects.js'

/** Milliseconds, as a header gives them. */
export const MILLISECONDS = /^\d{1,15}(\.\d{1,20})?$/
const BATCH_SIZE = /^[1-9]\d{0,4}$/
/** What is longer is taken for this, thirty years, so that it is still a time when it is transferred later. */
export const LONGEST_MS = 1e12
/** The most headers, and characters of them: where a request lies, they lie too. */
const MOST_HEADERS = { count: 256, characters: 16 * 1024 }
/** Clients that send one request again and again all get the answer, up to that many. */
export const MOST_INBOXES = 8
const PRIORITY = /^-?\d{1,4}$/
/** Priorities are from −1000 to 1000. */
export const MAX_PRIORITY = 1000
const ATTEMPT = /^[1-9]\d{0,8}$/
export const MOST_ATTEMPTS = 999_999_999

/** Undefined for what is none; where nothing is said it is the first. */
export const readAttempt = (text = '') => (text === '' ? 1 : ATTEMPT.test(text) ? Number(text) : undefined)

/** A message that is no request: what is wrong with it, and its id if that is right. */
export class NotARequest {
  readonly text: string
  readonly id: string | undefined
  constructor(text: string, id?: string) {
    this.text = text
    this.id = id
  }
}

export interface Request {
  /** Its sender's id, or one made here. */
  readonly id: string
  /** Whether the id is its sender's: then it is echoed, and asked about. */
  readonly isNamed: boolean
  /** The name of the function that is to compute it; '' is the default export. */
  readonly functionName: string
  /** Its client's secret; '' if there is none. */
  readonly key: string
  /** Whether its client understands notices and watches who holds it. */
  readonly isWatched: boolean
  /** Whether its client is told before anything else happens. */
  readonly isToldFirst: boolean
  /** Whether it is computed though its client is gone. */
  readonly isDetached: boolean
  /** Whether nobody takes it over from an executor that may have computed it. */
  readonly isAtMostOnce: boolean
  /** Higher is computed earlier. */
  readonly priority: number
  /** The inboxes that get the reply: more than one when the same request was sent again. */
  readonly replyTo: string[]
  /** How many arguments there are in the body, if it is a batch: an array of them; else 0. */
  readonly batchSize: number
  /** Whether the argument is bytes as they are, and not JSON. */
  readonly isBytes: boolean
  /** Which attempt it is, from 1 on. */
  readonly attempt: number
  /** Whether its client wants to hear of progress. */
  readonly wantsProgress: boolean
  /** The headers that are its sender's own. */
  readonly headers: UserHeaders | undefined
  /** The argument. */
  body: Uint8Array
  /** When its sender stops waiting, or must have, by this process' `performance.now()`. */
  readonly deadline: number
  /** When its sender sent it, as far as is known: now less what it waited, by `performance.now()`. */
  readonly since: number
  /** When it came here. */
  readonly arrivedAt: number
}

const isUsers = (name: string) => !isReserved(name)

/** What is wrong with a client's request that has more headers than are kept. On its way between executors one gets some more. */
export function tooManyHeaders(headers: RawHeaders | undefined): NotARequest | undefined {
  const { count, characters } = MOST_HEADERS
  if (headers && headers.length > characters)
    return new NotARequest(`the headers have ${headers.length} characters, more than ${characters}`)
  return headers?.isMoreThan(count) ? new NotARequest(`there are more than ${count} headers`) : undefined
}

/**
 * Parses a request from its parts; `waited`: for how many milliseconds it has waited before; `longestWait`: how long it may wait in
 * all if it does not say so itself; `functionName`: by its subject, if that says it.
 */
export function parseRequest(
  headers: RawHeaders | undefined,
  body: Uint8Array,
  replyTo: string[],
  waited: number,
  longestWait = LONGEST_MS,
  functionName = headers?.get(Header.function) ?? '',
): Request | NotARequest {
  const id = headers?.get(Header.requestId)
  if (id !== undefined && !isId(id))
    return new NotARequest(`${Header.requestId} must be 1–64 of A-Z a-z 0-9 _ -, got ${id.length} characters`)
  const key = headers?.get(Header.key) ?? ''
  if (key !== '' && !isId(key)) return new NotARequest(`${Header.key} must be 1–64 of A-Z a-z 0-9 _ -`, id)
  const priority = headers?.get(Header.priority) ?? ''
  if (priority !== '' && !(PRIORITY.test(priority) && Math.abs(Number(priority)) <= MAX_PRIORITY))
    return new NotARequest(`${Header.priority} must be a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`, id)
  const timeout = headers?.get(Header.timeoutMs) ?? ''
  if (timeout !== '' && !MILLISECONDS.test(timeout))
    return new NotARequest(`${Header.timeoutMs} must be a number of milliseconds`, id)
  const batchSize = headers?.get(Header.batchSize) ?? ''
  if (batchSize !== '' && !(BATCH_SIZE.test(batchSize) && Number(batchSize) <= MAX_BATCH_SIZE))
    return new NotARequest(`${Header.batchSize} must be a number from 1 to ${MAX_BATCH_SIZE}`, id)
  if (functionName !== '' && !isFunctionName(functionName))
    return new NotARequest('the name of a function is 1–64 of A-Z a-z 0-9 _ $ -', id)
  if (functionName === 'default') functionName = ''
  const contentType = headers?.get(Header.contentType) ?? ''
  const isBytes = contentType === '' ? false : isBytesType(contentType)
  if (isBytes === undefined)
    return new NotARequest(`${Header.contentType} must be application/json or application/octet-stream`, id)
  if (isBytes && batchSize !== '') return new NotARequest('a batch is JSON', id)
  const attempt = readAttempt(headers?.get(Header.attempt))
  if (attempt === undefined) return new NotARequest(`${Header.attempt} must be a number from 1 on`, id)
  const notices = headers?.get(Header.notices)
  const detached = headers?.get(Header.detached)
  const now = performance.now()
  return {
    id: id ?? nanoid(),
    isNamed: id !== undefined,
    functionName,
    key,
    isWatched: id !== undefined && (notices === Notices.later || notices === Notices.first),
    isToldFirst: id !== undefined && notices === Notices.first,
    isDetached: detached === Detached.survives || detached === Detached.once,
    isAtMostOnce: detached === Detached.once,
    priority: Number(priority),
    replyTo,
    batchSize: Number(batchSize),
    isBytes,
    attempt,
    wantsProgress: headers?.get(Header.progress) === '1',
    headers: headers?.filter(isUsers),
    body,
    deadline: now + (timeout === '' ? longestWait - waited : Math.min(Number(timeout), LONGEST_MS)),
    since: now - Math.min(waited, LONGEST_MS),
    arrivedAt: now,
  }
}

/**
 * Whose a request is, as far as it says: its key, which nobody else knows, or all of its inbox but the last token, which is another one
 * for each request.
 */
export const clientOf = ({ key, replyTo: [inbox = ''] }: Pick<Request, 'key' | 'replyTo'>) =>
  key === '' ? inbox.slice(0, inbox.lastIndexOf('.') + 1) : key
