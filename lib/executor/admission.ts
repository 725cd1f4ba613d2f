// Which requests are let in, however they come: from a client, from another executor, or as a copy whose holder is gone; and which of
// them nobody waits for any more.
import { Code } from '../protocol/codes.js'
import { MOST_INBOXES } from '../protocol/request.js'
import type { Pool } from '../slots/pool.js'
import { type Answers, GONE } from './answers.js'
import type { Job } from './job.js'
import { type Notices, stateOf } from './notices.js'
import type { Outbox } from './outbox.js'
import { refusalOf } from '../slots/refusal.js'
import type { Registry } from './registry.js'

const CANCELLED = 'cancelled by its client'
/** What so many executors have died with may be why: as clients have it that count for themselves. */
const MOST_DEATHS = 3
const DEADLY = `${MOST_DEATHS} executors died that had it`

export interface AdmissionParts {
  readonly service: string
  readonly concurrency: number
  readonly pool: Pool<Job>
  readonly registry: Registry
  readonly notices: Notices
  readonly outbox: Outbox
  readonly answers: Answers
  /** Resolves when the server has what was sent to it. */
  flush(): Promise<void>
  /** A copy of that ticket is of no use any more. */
  dropCopy(ticket: string): void
}

export class Admission {
  readonly #parts: AdmissionParts
  /** Their clients are being told, and then they are computed. */
  readonly #announced = new Set<Job>()
  #refusesRest = false

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  /** How many are here and not in the pool. */
  get size() {
    return this.#announced.size
  }

  /** From here on all that comes is answered with 503. */
  refuseRest() {
    this.#refusesRest = true
  }

  /** A client's. */
  take(job: Job) {
    if (this.#joins(job) || this.#refuses(job)) return
    if (job.isToldFirst && !this.#refusesRest) return void this.#takeTold(job)
    this.#parts.notices.add(job)
    this.#admit(job)
  }

  /** What another executor sends. */
  takeTransfer(job: Job): 'added' | 'joined' | 'refused' | 'unfit' {
    const { registry, pool, notices, service } = this.#parts
    if (refusalOf(job, service, pool.functions) || pool.isCrowded(job)) return 'unfit'
    // One that is on its way from here is no place for it.
    const isMoving = registry.find(job.id, job.key)?.state === 'moving'
    if (this.#refusesRest || isMoving) return 'refused'
    this.#parts.dropCopy(job.ticket)
    if (this.#joins(job)) return 'joined'
    // Where it comes from it has its place: nobody loses one for it.
    if (!pool.add(job)) {
      registry.refused(job)
      return 'refused'
    }
    if (job.isToldFirst) notices.addTold(job, stateOf(job))
    else notices.add(job)
    return 'added'
  }

  /** The holder of a plain request is gone, and this executor has the copy. */
  takeLost(job: Job) {
    const isDeadly = job.attempt > MOST_DEATHS
    if (isDeadly && job.isWatched) return
    // Its client may have found out, too, and have sent it again.
    if (this.#joins(job) || this.#refuses(job)) return
    if (isDeadly) return this.#parts.answers.error(job, Code.failed, DEADLY)
    this.#parts.notices.add(job)
    if (this.#refusesRest) this.#parts.answers.stopping(job)
    else this.#parts.pool.insert(job)
  }

  /** By its client. */
  cancel(job: Job) {
    if (this.#announced.delete(job)) return this.#parts.answers.error(job, Code.cancelled, CANCELLED)
    this.#parts.pool.end(job, Code.cancelled, CANCELLED)
  }

  /** Its client is gone. */
  abandon(job: Job) {
    this.#announced.delete(job)
    this.#parts.answers.abandoned(job)
    this.#parts.pool.end(job, Code.cancelled, GONE)
  }

  #admit(job: Job) {
    const { pool, answers } = this.#parts
    if (this.#refusesRest) answers.stopping(job)
    else if (!pool.add(job)) this.#makeRoom(job)
  }

  /** The backlog is full: it is too much itself, or what a client has most of that holds more. */
  #makeRoom(job: Job) {
    const { pool, answers, concurrency } = this.#parts
    const evicted = pool.evictFor(job)
    if (evicted.length > 0) pool.insert(job)
    for (const each of evicted.length > 0 ? evicted : [job]) answers.overloaded(each, pool.waiting, concurrency)
  }

  /** One that was lost before: an executor may die of it, and its client is to know of which. */
  async #takeTold(job: Job) {
    const { pool, notices } = this.#parts
    // Those that are being told come first.
    const isNext = pool.freePlaces > pool.waiting + this.#announced.size && !pool.isBlocked(job)
    this.#announced.add(job)
    notices.addTold(job, isNext ? 'computing' : 'waiting')
    await this.#parts.flush().catch(() => {})
    if (!this.#announced.delete(job)) return
    this.#admit(job)
    notices.overtaken(job)
  }

  #refuses(job: Job): boolean {
    const { answers, pool, service } = this.#parts
    const refusal = refusalOf(job, service, pool.functions)
    if (refusal) answers.error(job, refusal.code, refusal.text)
    return refusal !== undefined
  }

  /** Whether it is here already, sent once more: then its one answer goes to both. */
  #joins(job: Job): boolean {
    const { registry, outbox, answers, notices } = this.#parts
    const same = registry.add(job)
    // Its client hears of that from whoever gets it.
    if (same?.state === 'moving') return job.isWatched
    if (same) {
      same.deadline = Math.max(same.deadline, job.deadline)
      // Who does not watch cannot be asked whether it is there.
      same.isDetached ||= job.isDetached || !job.isWatched
      for (const inbox of job.replyTo) {
        if (same.replyTo.includes(inbox)) continue
        if (same.replyTo.length < MOST_INBOXES) same.replyTo.push(inbox)
        else answers.tooOften(job, inbox)
      }
      notices.joined(same)
      return true
    }
    const end = outbox.answerAgain(job)
    if (!end) return false
    registry.delete(job)
    if (end === 'too often') for (const inbox of job.replyTo) answers.tooOften(job, inbox)
    return true
  }
}
