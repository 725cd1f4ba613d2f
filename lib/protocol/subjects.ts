// Subjects, and what a subject, a queue group and a request id may look like.

/** Where idle executors of a queue group get requests of others. */
export const idleSubject = (queue: string, subject: string) => `$EXEC.idle.${queue}.${subject}`

/** Where busy executors get requests of others that do not know yet what they compute next. */
export const nextSubject = (queue: string, subject: string) => `$EXEC.next.${queue}.${subject}`

/** Where executors with surplus listen for "I am idle". */
export const surplusSubject = (queue: string, subject: string) => `$EXEC.surplus.${queue}.${subject}`

/** Where the executor that holds a request answers `status` and `cancel`. */
export const heldSubject = (requestId: string) => `$EXEC.held.${requestId}`

/** A subject as an ADR-32 name. */
export const serviceName = (subject: string) => subject.replace(/[^A-Za-z0-9_-]/g, '_')

/** Where executors of a subject say that they are there, by ADR-32. */
export const pingSubject = (subject: string) => `$SRV.PING.${serviceName(subject)}`

const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/
export const isRequestId = (text: string) => REQUEST_ID.test(text)

const SUBJECT = /^[^\s.*>$][^\s.*>]*(\.[^\s.*>]+)*$/
export const isSubject = (text: string) => SUBJECT.test(text) && text.length <= 200

const QUEUE = /^[A-Za-z0-9_-]{1,64}$/
export const isQueue = (text: string) => QUEUE.test(text)
