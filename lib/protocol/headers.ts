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
