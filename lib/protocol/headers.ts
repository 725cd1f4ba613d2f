// The names of our headers. `docs/protocol.md` says the same for people who write a client in another language.

/**
 * Every header is optional: a request without any is a plain NATS request.
 */
export const Header = {
  /** On a request and echoed in its reply: 1–64 of `A-Z a-z 0-9 _ -`. */
  requestId: 'Request-Id',
  /** On a request: how many milliseconds its sender still waits, counted from the sending. */
  timeoutMs: 'Timeout-Ms',
  /** On a request that is a batch: how many arguments there are in its body, an array. */
  batchSize: 'Batch-Size',
  /** On a request: a whole number, 0 if missing; higher is computed earlier. */
  priority: 'Priority',
  /** On a request: its client's secret, without which nobody cancels it, joins it or asks for it. */
  key: 'Request-Key',
  /** On a request, if its client understands notices and watches who holds it: one of `Notices`. */
  notices: 'Notices',
  /** On a request that is to be computed though its client is gone: one of `Detached`. */
  detached: 'Detached',
  /** On what is not sent to the function's subject: its name. */
  function: 'Function',
  /** On a request or reply: `application/octet-stream` for bytes; else it is JSON. */
  contentType: 'Content-Type',
  /** On a request that was sent before, and on notices of it, from 2 on: which attempt it is. */
  attempt: 'Attempt',
  /** On a request: `1` if its client wants to hear of progress. */
  progress: 'Progress',
  /** On a notice: what becomes of the request, `waiting` or `computing`; or `progress`, and the body says how far it is. */
  notice: 'Notice',
  /** On every message between executors, and on no other: its kind, one of `Dispatch`. */
  dispatch: 'Dispatch',
  /** On a transfer or copy: the key of the request's ticket. */
  ticket: 'Ticket',
  /** On a transfer or copy: how many milliseconds the request has waited so far. */
  waitedMs: 'Waited-Ms',
  /** On a transfer or copy: the inboxes that get the reply, with a space between two. */
  replyTo: 'Reply-To',
  /** On a copy: the executor that holds the request. */
  holder: 'Holder',
  /** On a reply: the ADR-32 instance id of the executor that computed it. */
  executorId: 'Executor-Id',
  /** On a reply: the milliseconds that the computation took. */
  computeMs: 'Compute-Ms',
  /** On a reply with code 429 or 503: in how many milliseconds to try again. */
  retryAfterMs: 'Retry-After-Ms',
  /** On an error reply, by ADR-32: one of `Code`. */
  errorCode: 'Nats-Service-Error-Code',
  /** On an error reply, by ADR-32: what is wrong, in words. */
  error: 'Nats-Service-Error',
} as const

/** When an executor tells the client of a request that it holds it. */
export const Notices = {
  /** When it has held it for a while. */
  later: '1',
  /** Before it does anything else. */
  first: 'first',
} as const

/** What becomes of a request when its client is gone. */
export const Detached = {
  /** It is computed, by another executor if the one that has it dies. */
  survives: '1',
  /** It is computed at most once. */
  once: 'once',
} as const

const NAMES = new Set<string>(Object.values(Header))
const LOWER_CASE = new Set([...NAMES].map(name => name.toLowerCase()))

/** Whether a header is one of ours or of NATS', and none of a user's. */
export function isReserved(name: string) {
  if (NAMES.has(name)) return true
  const lower = name.toLowerCase()
  return LOWER_CASE.has(lower) || lower.startsWith('nats-')
}
