// What a message says that came to a call's inbox.
import { type ErrorDetails, ProtocolError, type RequestError, remoteError } from '../errors.js'
import { headersOf } from '../nats/headers.js'
import type { Msg } from '../nats/nats.js'
import { Code } from '../protocol/codes.js'
import { Header } from '../protocol/headers.js'
import { isBytesType, readResult } from '../protocol/payload.js'
import type { RawHeaders } from '../protocol/raw-headers.js'
import { readAttempt } from '../protocol/request.js'
import { parseThrown } from '../protocol/thrown.js'

const STRANGE =
  "a reply came that is none of an executor's, without its Request-Id or an Executor-Id, such as a JetStream stream's acknowledgement: does a stream capture the subject?"
/** As many characters of a stranger's reply are told. */
const MOST_TOLD = 100

/** What a call resolves with, where more than the result is asked for. */
export interface Reply<Result = unknown> {
  result: Result
  requestId: string
  /** The id of the executor that computed it. */
  executorId: string | undefined
  /** How long that took, in milliseconds. */
  computeMs: number | undefined
}

export type Answer =
  | { kind: 'result'; reply: Reply }
  | { kind: 'error'; error: RequestError }
  /** To be sent again after a while. `hasStarted`: it was not refused, its executor was stopped at once. */
  | { kind: 'later'; error: RequestError; afterMs: number; hasStarted: boolean }
  /** No answer yet. */
  | { kind: 'notice'; notice: Notice }
  /** None of an executor's, or to another request. */
  | { kind: 'strange'; text: string }

/** An executor tells that it holds a request. */
export interface Notice {
  executorId: string | undefined
  /** Which attempt it is, from 1 on: who takes over what was lost counts that. */
  attempt: number
  /** Undefined if it says something that we do not know. */
  state: 'waiting' | 'computing' | undefined
  /** It wants to hear whether its client is still there. */
  isUrgent: boolean
  /** How far the computation is, if it says that. */
  progress: unknown
}

interface Asker {
  readonly id: string
  details(more: ErrorDetails): ErrorDetails
}

export function readReply(message: Msg, call: Asker): Answer {
  const requestId = call.id
  const head = headersOf(message)
  const executorId = head?.get(Header.executorId) || undefined
  const echoed = head?.get(Header.requestId)
  const code = head?.get(Header.errorCode)
  if (echoed !== requestId && (echoed !== undefined || !(executorId || code)))
    return { kind: 'strange', text: `${STRANGE}: ${JSON.stringify((echoed ?? message.string()).slice(0, MOST_TOLD))}` }
  const notice = head!.get(Header.notice)
  if (notice !== undefined) return { kind: 'notice', notice: readNotice(message, notice, head!) }
  const computeMs = readMs(head!.get(Header.computeMs))
  if (code) {
    const thrown = message.data.length > 0 ? parseThrown(message.string()) : undefined
    const details = call.details({ executorId, thrown })
    const error = remoteError(Number(code), head!.get(Header.error) || 'no text', details)
    if (error.code !== Code.overloaded && error.code !== Code.unavailable) return { kind: 'error', error }
    const afterMs = Math.max(0, Number(head!.get(Header.retryAfterMs)) || 0)
    return { kind: 'later', error, afterMs, hasStarted: error.code === Code.unavailable && (computeMs ?? 0) > 0 }
  }
  try {
    const contentType = head!.get(Header.contentType)
    const isBytes = contentType !== undefined && isBytesType(contentType) === true
    return { kind: 'result', reply: { result: readResult(message.data, isBytes), requestId, executorId, computeMs } }
  } catch (cause) {
    return { kind: 'error', error: new ProtocolError('the reply is not JSON', call.details({ executorId, cause })) }
  }
}

/** More than nothing, and not for ever: whatever is reckoned with it is a number. */
function readMs(text: string | undefined): number | undefined {
  const ms = Number(text)
  return ms > 0 && Number.isFinite(ms) ? ms : undefined
}

function readNotice(message: Msg, notice: string, head: RawHeaders): Notice {
  const isProgress = notice === 'progress'
  const state = isProgress || notice === 'computing' ? 'computing' : notice === 'waiting' ? notice : undefined
  let progress
  try {
    if (isProgress) progress = message.json()
  } catch {
    // A stranger's.
  }
  const attempt = readAttempt(head.get(Header.attempt)) ?? 1
  return {
    executorId: head.get(Header.executorId) || undefined,
    attempt,
    state,
    isUrgent: Boolean(message.reply),
    progress,
  }
}
