// The form in which one executor sends a request to another: the request itself, and headers for its way.
import { headersOf } from '../nats/headers.js'
import type { Msg } from '../nats/nats.js'
import { Dispatch } from '../protocol/dispatch.js'
import { Detached, Header, Notices } from '../protocol/headers.js'
import { BYTES_TYPE } from '../protocol/payload.js'
import { line, userBytes, userLines } from '../protocol/raw-headers.js'
import { MILLISECONDS, MOST_INBOXES, NotARequest, parseRequest } from '../protocol/request.js'
import { isId } from '../protocol/subjects.js'
import { type Job, newJob } from './job.js'

/** More than what the headers take that a request gets for its way, but for its inboxes. */
const HEADERS_SIZE = 1024

/** Whether a request with the headers for its way is no larger than the server takes. */
export function fits({ body, replyTo, headers }: Job, maxPayload: number) {
  if (!headers && body.byteLength + HEADERS_SIZE * (MOST_INBOXES + 1) <= maxPayload) return true
  const inboxes = replyTo.reduce((sum, inbox) => sum + Buffer.byteLength(inbox) + 1, 0)
  const users = headers ? userBytes(headers) : 0
  return body.byteLength + inboxes + users + HEADERS_SIZE <= maxPayload
}

/** The headers of a transfer, or of a copy that `holder` keeps the request of. */
export function transferLines(job: Job, holder?: string): string {
  const {
    isNamed,
    id,
    key,
    functionName,
    isWatched,
    isToldFirst,
    isDetached,
    isAtMostOnce,
    wantsProgress,
    attempt,
    isBytes,
    headers,
  } = job
  const { priority, deadline, batchSize, since, replyTo, ticket } = job
  const now = performance.now()
  return (
    line(Header.dispatch, holder === undefined ? Dispatch.transfer : Dispatch.copy) +
    line(Header.ticket, ticket) +
    (holder === undefined ? '' : line(Header.holder, holder)) +
    (isNamed ? line(Header.requestId, id) : '') +
    (key ? line(Header.key, key) : '') +
    (functionName ? line(Header.function, functionName) : '') +
    (isBytes ? line(Header.contentType, BYTES_TYPE) : '') +
    (attempt > 1 ? line(Header.attempt, attempt) : '') +
    (wantsProgress ? line(Header.progress, 1) : '') +
    (isWatched ? line(Header.notices, isToldFirst ? Notices.first : Notices.later) : '') +
    (isDetached ? line(Header.detached, isAtMostOnce ? Detached.once : Detached.survives) : '') +
    (priority === 0 ? '' : line(Header.priority, priority)) +
    line(Header.timeoutMs, Math.max(0, deadline - now).toFixed(3)) +
    (batchSize > 0 ? line(Header.batchSize, batchSize) : '') +
    line(Header.waitedMs, Math.max(0, now - since).toFixed(3)) +
    line(Header.replyTo, replyTo.join(' ')) +
    (headers ? userLines(headers) : '')
  )
}

/** The kind of a message between executors. */
export const kindOf = (message: Msg) => headersOf(message)?.get(Header.dispatch)

/** Reads a transfer or a copy; undefined if the message is none. */
export function readTransfer(
  message: Msg,
  isInbox: (subject: string) => boolean,
): { job: Job; holder: string } | undefined {
  const headers = headersOf(message)
  const replyTo = headers?.get(Header.replyTo)?.split(' ') ?? []
  if (!headers || replyTo.length === 0 || replyTo.length > MOST_INBOXES || !replyTo.every(isInbox)) return undefined
  const waited = headers.get(Header.waitedMs) ?? ''
  const ticket = headers.get(Header.ticket)
  const holder = headers.get(Header.holder) ?? ''
  if (!MILLISECONDS.test(waited) || !isId(ticket) || !(holder === '' || isId(holder))) return undefined
  const request = parseRequest(headers, message.data, replyTo, Number(waited))
  return request instanceof NotARequest ? undefined : { job: newJob(request, ticket), holder }
}
