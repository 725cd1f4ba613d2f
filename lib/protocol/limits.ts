// Limits that options and settings share.

/** The longest time that a timer of Node's takes, in milliseconds: almost 25 days. */
export const MAX_MS = 2 ** 31 - 1
/** Of one executor. */
export const MAX_CONCURRENCY = 1024
