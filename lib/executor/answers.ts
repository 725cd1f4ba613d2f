// What requests are answered, each once: results and errors go out, are counted and told of.
import { Code } from '../protocol/codes.js'
import { MOST_INBOXES, type NotARequest } from '../protocol/request.js'
import { payloadText } from '../protocol/payload.js'
import { type Thrown, traceOf } from '../protocol/thrown.js'
import type { Outcome } from '../slots/task.js'
import type { ExecutorEvents } from './events.js'
import type { Job } from './job.js'
import type { Outbox } from './outbox.js'
import type { Post } from './post.js'
import type { Replies } from './replies.js'
import type { Counted, Statistics } from './statistics.js'
import type { Teller } from './teller.js'

const RETRY_AFTER_MS = { least: 20, most: 5000 }
/** When somebody may ask again whose request is here for others. */
const TOO_OFTEN_MS = 1000
export const GONE = 'its client is gone'

export interface AnswersParts {
  readonly post: Post
  readonly replies: Replies
  readonly outbox: Outbox
  readonly statistics: Statistics
  readonly tell: Teller<ExecutorEvents>
  /** It is no longer in our hands: before it is answered. */
  over(job: Job): void
}

export interface ErrorDetails {
  nanoseconds?: number
  retryAfterMs?: number
  thrown?: Thrown | undefined
}

export class Answers {
  readonly #parts: AnswersParts

  constructor(parts: AnswersParts) {
    this.#parts = parts
  }

  ended({ task: job, code, body, isBytes, nanoseconds, thrown, failedArguments }: Outcome<Job>) {
    if (job.state === 'over') return
    if (code !== 0) return this.error(job, code, Buffer.from(body).toString(), { nanoseconds, thrown })
    const { replies, statistics, outbox, tell } = this.#parts
    const computeMs = nanoseconds / 1e6
    const answer = replies.result(job, body, isBytes, computeMs)
    if (answer.error !== undefined) return this.error(job, Code.tooLarge, answer.error, { nanoseconds })
    statistics.count(counted(job, 0, nanoseconds, failedArguments))
    this.#parts.over(job)
    outbox.send(job, answer)
    tell.emit('completed', () => ({
      ...nameOf(job),
      result: payloadText(body, isBytes),
      computeMs,
    }))
  }

  interrupted(job: Job, text: string) {
    const nanoseconds = Math.max(1, (performance.now() - job.startedAt) * 1e6)
    this.error(job, Code.unavailable, `interrupted: ${text}`, { nanoseconds, retryAfterMs: RETRY_AFTER_MS.least })
  }

  /** The backlog is full: `waiting` for so many slots. */
  overloaded(job: Job, waiting: number, slots: number) {
    const { least, most } = RETRY_AFTER_MS
    const halfOfIt = ((this.#parts.statistics.meanMs ?? 0) * waiting) / slots / 2
    const retryAfterMs = Math.min(most, Math.max(least, halfOfIt))
    this.error(job, Code.overloaded, `the backlog is full: ${waiting} requests wait`, { retryAfterMs })
  }

  stopping(job: Job) {
    this.error(job, Code.unavailable, 'the executor is stopping', { retryAfterMs: RETRY_AFTER_MS.least })
  }

  error(job: Job, code: number, error: string, { nanoseconds = 0, retryAfterMs, thrown }: ErrorDetails = {}) {
    const { replies, statistics, outbox, tell } = this.#parts
    const computeMs = nanoseconds / 1e6
    statistics.count(counted(job, code, nanoseconds))
    this.#parts.over(job)
    outbox.send(job, replies.error(job, code, error, { computeMs, retryAfterMs, thrown }))
    tell.emit('failed', { ...nameOf(job), code, error, computeMs, ...traceOf(thrown) })
  }

  /** Nobody waits for it. It is not answered: if its client comes back after all, it is to be computed. */
  abandoned(job: Job) {
    this.#parts.over(job)
    this.#parts.statistics.count(counted(job, Code.cancelled))
    this.#parts.tell.emit('failed', { ...nameOf(job), code: Code.cancelled, error: GONE, computeMs: 0 })
  }

  notARequest({ id, text }: NotARequest, inbox: string, functionName: string) {
    const { post, replies, statistics, tell } = this.#parts
    statistics.count(counted({ functionName, batchSize: 0 }, Code.invalid))
    post.publish(inbox, undefined, replies.refusal(id, Code.invalid, text).lines)
    tell.emit('failed', { requestId: id ?? '', functionName, code: Code.invalid, error: text, computeMs: 0 })
  }

  /** A request that is here already, or was answered just now, for that inbox as well. */
  tooOften(job: Job, inbox: string) {
    const { post, replies } = this.#parts
    const text = `the request is here already, for ${MOST_INBOXES} inboxes, or was answered just now`
    post.publish(inbox, undefined, replies.error(job, Code.overloaded, text, { retryAfterMs: TOO_OFTEN_MS }).lines)
  }
}

const nameOf = ({ id, functionName }: Job) => ({ requestId: id, functionName })

const counted = (
  { functionName, batchSize }: Pick<Job, 'functionName' | 'batchSize'>,
  code: number,
  nanoseconds = 0,
  failedArguments = 0,
): Counted => ({ functionName, batchSize, code, nanoseconds, failedArguments })
