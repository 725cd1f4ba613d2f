// Requests on their way from here to other executors.
//
// A request that is ordered away: held → moving → over, when the other one has acknowledged it; or held again, when that one refuses
// it or is not there. Who does not answer at all may have it: a request whose client watches is left to that client then.
import { Transfers } from '../matching/transfers.js'
import type { Msg } from '../nats/nats.js'
import { Dispatch } from '../protocol/dispatch.js'
import type { Subjects } from '../protocol/subjects.js'
import type { Job } from './job.js'
import type { Post } from './post.js'
import { kindOf, transferLines } from './transfer-message.js'

/** What another executor did not take stays here for so long. */
const STAY_MS = 1000
/** What is nothing for others stays for longer and longer. */
const MAX_DOUBLINGS = 5

export interface DeparturesParts {
  readonly post: Post
  readonly subjects: Subjects
  /** It is `to`'s now. */
  left(job: Job, to: string): void
  /** It is here again. */
  stays(job: Job): void
  /** It is nothing for the other one. */
  unfit(job: Job): void
  /** An executor has not taken a request, or has not said so. */
  deaf(executorId: string): void
}

export class Departures {
  readonly #parts: DeparturesParts
  readonly #transfers = new Transfers<{ job: Job; token: string }>()
  /** Some are late, and what has arrived is being read. */
  #isReading = false

  constructor(parts: DeparturesParts) {
    this.#parts = parts
  }

  get size() {
    return this.#transfers.size
  }

  get wakeAt() {
    return this.#isReading ? Infinity : this.#transfers.wakeAt
  }

  set rttMs(ms: number) {
    this.#transfers.rttMs = ms
  }

  /** Sends a request that is in nobody's hands here. */
  send(job: Job, to: string) {
    const { post, subjects } = this.#parts
    const { ticket } = job
    job.state = 'moving'
    const subject = subjects.peer(to)
    const acknowledge = (message: Msg) => {
      const end = kindOf(message)
      if (end === Dispatch.taken || end === Dispatch.refused || end === Dispatch.unfit)
        this.#acknowledged(ticket, to, end)
    }
    const onFailure = () => this.#acknowledged(ticket, to, Dispatch.refused)
    const token = post.inbox.reserve({ subject, onReply: acknowledge, onFailure })
    this.#transfers.sent(ticket, { job, token }, to, performance.now())
    post.publish(subject, job.body, transferLines(job), post.inbox.replySubject(token))
  }

  /** Waits no longer for those that should have been acknowledged by then, and are not when what has arrived by now is read. */
  expire(now: number) {
    const { wakeAt } = this
    if (wakeAt > now) return
    this.#isReading = true
    void this.#parts.post.inbox.catchUp(now - wakeAt).then(() => {
      this.#isReading = false
      this.#end(now)
    })
  }

  /** Waits for none of them any more. */
  giveUp() {
    this.#end(Infinity)
  }

  #end(now: number) {
    for (const { job: moving, to } of this.#transfers.takeExpired(now)) {
      const { job, token } = moving
      this.#parts.post.inbox.forget(token)
      this.#parts.deaf(to)
      if (job.isAtMostOnce || (job.isWatched && !job.isDetached)) this.#parts.left(job, to)
      else this.#stay(job)
    }
  }

  #acknowledged(ticket: string, to: string, end: string) {
    const moving = this.#transfers.take(ticket, to)
    if (!moving) return
    this.#parts.post.inbox.forget(moving.token)
    const { job } = moving
    if (end === Dispatch.taken) return this.#parts.left(job, to)
    if (end === Dispatch.unfit) {
      job.unfits++
      this.#parts.unfit(job)
    } else this.#parts.deaf(to)
    this.#stay(job)
  }

  #stay(job: Job) {
    job.state = 'held'
    // Or one that nobody takes would keep the others from being given.
    job.staysUntil = performance.now() + STAY_MS * 2 ** Math.min(job.unfits, MAX_DOUBLINGS)
    this.#parts.stays(job)
  }
}
