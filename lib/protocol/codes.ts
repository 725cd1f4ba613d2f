// The codes of error replies.

export const Code = {
  /** Not a request: a bad header, not JSON, or an argument that the function refuses. */
  invalid: 400,
  /** The service has no such function. */
  notFound: 404,
  /** The deadline passed before or while computing, or the executor's own time limit ended it. */
  deadline: 408,
  /** The result is larger than the server's `max_payload`. */
  tooLarge: 413,
  /** The backlog is full: try again after `Retry-After-Ms`. */
  overloaded: 429,
  /** Cancelled by its client. */
  cancelled: 499,
  /** The function threw, or its process died. */
  failed: 500,
  /** The executor is stopping: try again after `Retry-After-Ms`. */
  unavailable: 503,
} as const
