// The requests of an executor, from their arrival to their answers: who is asked, told and answered, and in which order.
import type { FilledExecutorOptions } from '../options.js'
import { headersOf } from '../nats/headers.js'
import type { Msg, Subscription } from '../nats/nats.js'
import { rttOf } from '../nats/pings.js'
import { Code } from '../protocol/codes.js'
import { Dispatch } from '../protocol/dispatch.js'
import { MOST_INBOXES, NotARequest, parseRequest } from '../protocol/request.js'
import { Subjects, serviceName } from '../protocol/subjects.js'
import type { Pool } from '../slots/pool.js'
import type { Outcome } from '../slots/task.js'
import { VERSION } from '../version.js'
import { Balance } from './balance.js'
import { Copies } from './copies.js'
import { Discovery } from './discovery.js'
import type { ExecutorEvents } from './events.js'
import { type Job, newJob } from './job.js'
import { Notices } from './notices.js'
import { Outbox } from './outbox.js'
import type { Post } from './post.js'
import { Questions } from './questions.js'
import { Registry } from './registry.js'
import { Replies } from './replies.js'
import type { Teller } from './teller.js'
import { readTransfer } from './transfer-message.js'

const RETRY_AFTER_MS = { least: 20, most: 5000 }
/** When somebody may ask again whose request is here for others. */
const TOO_OFTEN_MS = 1000
const CANCELLED = 'cancelled by its client'
const GONE = 'its client is gone'

export interface DeskParts {
  readonly executorId: string
  readonly options: FilledExecutorOptions
  readonly post: Post
  readonly pool: Pool<Job>
  readonly tell: Teller<ExecutorEvents>
}

export class Desk {
  readonly #parts: DeskParts
  readonly #subjects: Subjects
  readonly #replies: Replies
  readonly #discovery: Discovery
  readonly #registry = new Registry()
  readonly #outbox: Outbox
  readonly #notices: Notices
  readonly #questions: Questions
  readonly #copies: Copies | undefined
  readonly #balance: Balance | undefined
  /** Their clients are being told, and then they are computed. */
  readonly #announced = new Set<Job>()
  #subscription: Subscription | undefined
  #dropped = 0
  #refusesRest = false

  constructor(parts: DeskParts) {
    const { executorId, options, post, pool } = (this.#parts = parts)
    const { subject, queue, prefix, concurrency, backlogBytes } = options
    const subjects = (this.#subjects = new Subjects(prefix, queue, subject))
    this.#replies = new Replies(post, executorId)
    this.#outbox = new Outbox(post)
    this.#notices = new Notices(post, executorId, subjects.hold(executorId), {
      aged: job => this.#copy(job),
      abandoned: job => this.#abandon(job),
    })
    this.#questions = new Questions({
      executorId,
      post,
      registry: this.#registry,
      notices: this.#notices,
      outbox: this.#outbox,
      cancel: job => this.#cancel(job),
      received: message => this.#received(message),
    })
    this.#discovery = new Discovery(post, {
      id: executorId,
      name: serviceName(subject),
      version: VERSION,
      description: `computes ${subject}`,
      metadata: { pid: String(process.pid), concurrency: String(concurrency) },
      subject,
      queue,
      data: () => this.#statistics(),
    })
    if (!options.balance) return
    this.#balance = new Balance({
      executorId,
      post,
      subjects,
      pool,
      concurrency,
      computeMs: () => this.#computeMs(),
      take: job => this.#takeTransfer(job),
      stays: job => pool.insert(job),
      left: (job, to) => {
        this.#forget(job)
        this.#registry.delete(job, to)
      },
      heard: (kind, message) => this.#heard(kind, message),
    })
    this.#copies = new Copies({
      executorId,
      post,
      maxBytes: backlogBytes,
      peer: id => subjects.peer(id),
      keeper: () => this.#balance!.keeper,
      answerMs: () => 4 * rttOf(post.nc),
      lost: job => this.#takeLost(newJob(job)),
    })
  }

  /** Subscribes to everything. */
  start() {
    this.#discovery.start()
    this.#questions.start(this.#subjects.find, this.#subjects.hold(this.#parts.executorId))
    this.joinGroup()
    this.#balance?.start()
  }

  /** The subjects that this executor publishes to, beside inboxes. */
  get publishes(): string[] {
    const { pool, match } = this.#subjects
    return this.#balance ? [pool, match, this.#subjects.peer(this.#parts.executorId)] : []
  }

  /** From here on requests come. */
  joinGroup() {
    const { post, options } = this.#parts
    const { subject, queue } = options
    this.#subscription ??= post.subscribe(subject, message => this.#received(message), { queue })
  }

  /** No new ones come any more, and none from others; what is here is still computed. */
  async leaveGroup() {
    this.#balance?.takesNoMore(true)
    const subscription = this.#subscription
    this.#subscription = undefined
    if (subscription) await this.#parts.post.end(subscription)
  }

  /** There is a slot that works, or there is none. */
  async isWorking(isWorking: boolean) {
    if (!isWorking) return this.leaveGroup()
    this.joinGroup()
    this.#balance?.takesNoMore(false)
  }

  connected(isUp: boolean) {
    this.#outbox.connected(isUp)
    this.#notices.connected(isUp)
    this.#copies?.connected(isUp)
    this.#balance?.connected(isUp)
  }

  /** Whether nothing is here that is to be computed or answered. */
  get isIdle() {
    return this.#parts.pool.size + this.#announced.size === 0 && !this.#balance?.isMoving && !this.#outbox.isDelivering
  }

  get isDelivering() {
    return this.#outbox.isDelivering
  }

  /** Answers all that has not started, and what still comes, with 503. */
  refuseRest() {
    this.#refusesRest = true
    this.#balance?.giveUp()
    for (const job of this.#parts.pool.releaseAll()) this.#refuse(job)
  }

  async close() {
    this.#balance?.close()
    this.#copies?.close()
    this.#notices.close()
    await this.#parts.post.close()
    this.#outbox.close()
  }

  /** A message that has no inbox as its reply subject. */
  dropped(message: Msg) {
    this.#dropped++
    const what = message.reply ? 'whose reply subject is no inbox' : 'without a reply subject'
    this.#parts.tell.emit('warning', `ignored a message ${what}`)
  }

  // What the pool tells.

  changed() {
    this.#balance?.changed()
  }

  started(job: Job) {
    this.#notices.started(job)
    this.#parts.tell.emit('started', () => ({ requestId: job.id, argument: Buffer.from(job.body).toString() }))
  }

  ended({ task: job, code, body, nanoseconds, stack, failedArguments }: Outcome<Job>) {
    if (job.state === 'over') return
    if (code !== 0) return this.#answerError(job, code, Buffer.from(body).toString(), { nanoseconds, stack })
    const computeMs = nanoseconds / 1e6
    const answer = this.#replies.result(job, body, computeMs)
    if (answer.error !== undefined) return this.#answerError(job, Code.tooLarge, answer.error, { nanoseconds })
    this.#discovery.count(nanoseconds, { code: 0, of: job, failedArguments })
    this.#over(job)
    this.#outbox.send(job, answer)
    this.#parts.tell.emit('completed', () => ({
      requestId: job.id,
      result: Buffer.from(body).toString(),
      computeMs,
    }))
  }

  interrupted(job: Job, text: string) {
    const nanoseconds = Math.max(1, (performance.now() - job.startedAt) * 1e6)
    this.#answerError(job, Code.unavailable, `interrupted: ${text}`, {
      nanoseconds,
      retryAfter: RETRY_AFTER_MS.least,
    })
  }

  #received(message: Msg) {
    const { post, options, tell } = this.#parts
    const { reply } = message
    if (!reply || !post.isInbox(reply)) return this.dropped(message)
    const request = parseRequest(headersOf(message), message.data, [reply], 0, options.longestWait)
    if (!(request instanceof NotARequest)) return this.#take(newJob(request))
    this.#discovery.count(0, { code: Code.invalid })
    const { lines } = this.#replies.refusal(request.id, Code.invalid, request.text)
    post.publish(reply, undefined, lines)
    tell.emit('failed', { requestId: request.id ?? '', code: Code.invalid, error: request.text, computeMs: 0 })
  }

  #take(job: Job) {
    if (this.#joins(job)) return
    if (job.isToldFirst && !this.#refusesRest) return void this.#takeTold(job)
    this.#notices.add(job)
    this.#admit(job)
  }

  #admit(job: Job) {
    if (this.#refusesRest) this.#refuse(job)
    else if (!this.#parts.pool.add(job)) this.#overloaded(job)
  }

  /** One that was lost before: an executor may die of it, and its client is to know of which. */
  async #takeTold(job: Job) {
    const { pool, post } = this.#parts
    this.#announced.add(job)
    this.#notices.addTold(job, pool.free > pool.waiting ? 'computing' : 'waiting')
    await post.nc.flush().catch(() => {})
    if (this.#announced.delete(job)) this.#admit(job)
  }

  /** What another executor sends. */
  #takeTransfer(job: Job): 'added' | 'joined' | 'refused' {
    // One that is on its way from here is no place for it.
    if (this.#refusesRest || this.#registry.find(job.id, job.key)?.state === 'moving') return 'refused'
    this.#copies?.drop(job.ticket)
    if (this.#joins(job)) return 'joined'
    if (!this.#parts.pool.add(job)) {
      this.#registry.delete(job)
      return 'refused'
    }
    this.#notices.add(job)
    return 'added'
  }

  /** The holder of a plain request is gone, and this executor has the copy. */
  #takeLost(job: Job) {
    this.#notices.add(job)
    if (this.#refusesRest) this.#refuse(job)
    else this.#parts.pool.insert(job)
  }

  /** Whether it is here already, sent once more: then its one answer goes to both. */
  #joins(job: Job): boolean {
    const same = this.#registry.add(job)
    // Its client hears of that from whoever gets it.
    if (same?.state === 'moving') return job.isWatched
    if (same) {
      for (const inbox of job.replyTo) {
        if (same.replyTo.includes(inbox)) continue
        if (same.replyTo.length < MOST_INBOXES) same.replyTo.push(inbox)
        else this.#parts.post.publish(inbox, undefined, this.#tooOften(job))
      }
      return true
    }
    const end = this.#outbox.answerAgain(job)
    if (!end) return false
    this.#registry.delete(job)
    if (end === 'too often')
      for (const inbox of job.replyTo) this.#parts.post.publish(inbox, undefined, this.#tooOften(job))
    return true
  }

  #tooOften(job: Job): string {
    const text = `the request is here already, for ${MOST_INBOXES} inboxes, or was answered just now`
    return this.#replies.error(job, Code.overloaded, text, undefined, TOO_OFTEN_MS).lines
  }

  #overloaded(job: Job) {
    const { backlog, concurrency } = this.#parts.options
    const { least, most } = RETRY_AFTER_MS
    const retryAfter = Math.min(most, Math.max(least, ((this.#discovery.meanMs ?? 0) * backlog) / concurrency / 2))
    const text = `the backlog is full: ${this.#parts.pool.waiting} requests wait`
    this.#answerError(job, Code.overloaded, text, { retryAfter })
  }

  #refuse(job: Job) {
    this.#answerError(job, Code.unavailable, 'the executor is stopping', { retryAfter: RETRY_AFTER_MS.least })
  }

  #answerError(
    job: Job,
    code: number,
    error: string,
    {
      nanoseconds = 0,
      retryAfter,
      stack,
    }: { nanoseconds?: number; retryAfter?: number; stack?: string | undefined } = {},
  ) {
    const computeMs = nanoseconds / 1e6
    this.#discovery.count(nanoseconds, { code, of: job })
    this.#over(job)
    this.#outbox.send(job, this.#replies.error(job, code, error, computeMs, retryAfter))
    this.#parts.tell.emit('failed', { requestId: job.id, code, error, computeMs, ...(stack && { stack }) })
  }

  #cancel(job: Job) {
    if (this.#announced.delete(job)) return this.#answerError(job, Code.cancelled, CANCELLED)
    this.#parts.pool.end(job, Code.cancelled, CANCELLED)
  }

  /** Nobody waits for it. It is not answered: if its client comes back after all, it is to be computed. */
  #abandon(job: Job) {
    this.#announced.delete(job)
    this.#over(job)
    this.#discovery.count(0, { code: Code.cancelled, of: job })
    this.#parts.pool.end(job, Code.cancelled, GONE)
    this.#parts.tell.emit('failed', { requestId: job.id, code: Code.cancelled, error: GONE, computeMs: 0 })
  }

  #over(job: Job) {
    this.#forget(job)
    this.#registry.delete(job)
  }

  #forget(job: Job) {
    job.state = 'over'
    this.#notices.delete(job)
    this.#copies?.delete(job)
    this.#balance?.over(job)
  }

  #copy(job: Job) {
    if (!this.#copies) return
    this.#balance!.ticketOf(job)
    this.#copies.place(job)
  }

  #heard(kind: string, message: Msg) {
    if (kind === Dispatch.copies) this.#copies!.asked(message)
    else if (kind === Dispatch.copy) {
      const copy = readTransfer(message, subject => this.#parts.post.isInbox(subject))
      if (copy && copy.holder !== '') this.#copies!.keep(copy.job, copy.holder)
    }
  }

  /** How long computations take here: what they took in the mean, or what those that run have taken. */
  #computeMs() {
    const now = performance.now()
    const elapsed = Math.min(...this.#parts.pool.running.map(({ startedAt }) => now - startedAt))
    return Number.isFinite(elapsed) ? Math.max(elapsed, this.#discovery.meanMs ?? Infinity) : Infinity
  }

  #statistics() {
    const { pool, options } = this.#parts
    return {
      backlog: pool.waiting,
      computing: pool.running.length,
      concurrency: options.concurrency,
      dropped: this.#dropped,
      ...this.#balance?.counts,
    }
  }
}
