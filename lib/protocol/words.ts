// The words on the wire: subjects, headers and codes. `docs/protocol.md` says the same for people who write a client
// in another language.

/**
 * Every header is optional: a request without any is a plain NATS request.
 */
export const Header = {
  /** On a request and echoed in its reply: 1–64 of `A-Z a-z 0-9 _ -`. */
  requestId: 'Request-Id',
  /** On a request: how many milliseconds its sender still waits, counted from the sending. */
  timeoutMs: 'Timeout-Ms',
  /** On a request that is a chunk: how many arguments there are in its body, an array. */
  items: 'Items',
  /** On a request handed over: how many milliseconds it has waited so far. */
  waitedMs: 'Waited-Ms',
  /** On a request handed over: the inbox that gets the reply. */
  replyTo: 'Reply-To',
  /** On a request handed over: how many milliseconds the oldest one has waited that its sender has left. */
  nextWaitedMs: 'Next-Waited-Ms',
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

export const Code = {
  /** Not a request: a bad header, not JSON, or an argument that the function refuses. */
  refused: 400,
  /** The deadline passed before or while computing, or the executor's own time limit ended it. */
  deadline: 408,
  /** The result is larger than the server's `max_payload`. */
  tooLarge: 413,
  /** The backlog is full: try again after `Retry-After-Ms`. */
  overloaded: 429,
  /** Cancelled by its client. */
  cancelled: 499,
  /** The function threw, or its thread died. */
  failed: 500,
  /** The executor is stopping: try again after `Retry-After-Ms`. */
  unavailable: 503,
} as const

/** The most arguments of a chunk. */
export const MOST_ITEMS = 10_000

/** Where idle executors of a queue group get requests of others. */
export const idleSubject = (queue: string, subject: string) => `$EXEC.idle.${queue}.${subject}`

/** Where busy executors get requests of others that do not know yet what they compute next. */
export const nextSubject = (queue: string, subject: string) => `$EXEC.next.${queue}.${subject}`

/** Where executors with surplus listen for "I am idle". */
export const surplusSubject = (queue: string, subject: string) => `$EXEC.surplus.${queue}.${subject}`

/** Where the executor that holds a request answers `status` and `cancel`. */
export const heldSubject = (requestId: string) => `$EXEC.held.${requestId}`

const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/
export const isRequestId = (text: string) => REQUEST_ID.test(text)

const SUBJECT = /^[^\s.*>$][^\s.*>]*(\.[^\s.*>]+)*$/
export const isSubject = (text: string) => SUBJECT.test(text) && text.length <= 200

const QUEUE = /^[A-Za-z0-9_-]{1,64}$/
export const isQueue = (text: string) => QUEUE.test(text)
