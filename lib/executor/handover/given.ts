// The form in which one executor gives a request to another: the request itself, and headers for its way.
import type { Msg, MsgHdrs } from '../../nats/nats.js'
import { headersOf } from '../../nats/headers.js'
import { type Job, newJob } from '../job.js'
import { INBOX, MILLISECONDS, MOST_INBOXES, NotARequest, parseRequest } from '../../protocol/request.js'
import { line } from '../../protocol/raw-headers.js'
import { encodeHeaders } from '../../nats/headers.js'
import { Header } from '../../protocol/headers.js'

/** More than what the headers take that a request gets for its way, but for its inboxes. */
const HEADERS_SIZE = 1024

/** Whether a request with the headers for its way is no larger than the server takes. */
export function canBeGiven({ body, replyTo }: Job, maxPayload: number) {
  const inboxes = replyTo.reduce((sum, inbox) => sum + Buffer.byteLength(inbox) + 1, 0)
  return body.byteLength + inboxes + HEADERS_SIZE <= maxPayload
}

/** The headers of a request that is given; `nextAge` is the age of the oldest one that stays, if there is one. */
export function givenHeaders(request: Job, nextAge: string): MsgHdrs {
  const { isNamed, id, deadline, batchSize, replyTo } = request
  return encodeHeaders(
    (isNamed ? line(Header.requestId, id) : '') +
      (deadline === Infinity ? '' : line(Header.timeoutMs, Math.max(0, deadline - performance.now()).toFixed(3))) +
      (batchSize > 0 ? line(Header.batchSize, batchSize) : '') +
      line(Header.waitedMs, ageOf(request)) +
      line(Header.replyTo, replyTo.join(' ')) +
      (nextAge ? line(Header.nextWaitedMs, nextAge) : ''),
  )
}

/** Reads a request that another executor gave; undefined if the message is none. */
export function readGiven(message: Msg): { request: Job; nextAge: string } | undefined {
  const headers = headersOf(message)
  const replyTo = headers?.get(Header.replyTo)?.split(' ')
  if (!headers || !replyTo || !areInboxes(replyTo)) return undefined
  const waited = headers.get(Header.waitedMs) ?? ''
  if (!MILLISECONDS.test(waited)) return undefined
  const request = parseRequest(headers, message.data, replyTo, Number(waited))
  return request instanceof NotARequest
    ? undefined
    : { request: newJob(request), nextAge: headers.get(Header.nextWaitedMs) ?? '' }
}

const areInboxes = (inboxes: string[]) => inboxes.length <= MOST_INBOXES && inboxes.every(inbox => INBOX.test(inbox))

/** How long a request has waited, as messages between executors say it. */
export const ageOf = ({ since }: Job) => (performance.now() - since).toFixed(3)

/** Since when a request has waited that has an age, by `performance.now()`; undefined for no age. */
export function sinceOf(age: string): number | undefined {
  const ms = age === '' ? NaN : Number(age)
  return ms >= 0 ? performance.now() - ms : undefined
}
