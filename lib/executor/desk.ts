// The requests of an executor, from their arrival to their answers: who is asked, told and answered, and in which order.
import type { FilledExecutorOptions } from '../executor-options.js'
import { hostname } from 'node:os'
import type { Msg } from '../nats/nats.js'
import { rttOf } from '../nats/pings.js'
import { Code } from '../protocol/codes.js'
import { Dispatch } from '../protocol/dispatch.js'
import { payloadText } from '../protocol/payload.js'
import { Subjects, functionSubject, notAnInbox } from '../protocol/subjects.js'
import { ended } from '../slots/endings.js'
import type { Pool } from '../slots/pool.js'
import type { Outcome } from '../slots/task.js'
import { VERSION } from '../version.js'
import { aboutModule } from './about-module.js'
import { Admission } from './admission.js'
import { Answers } from './answers.js'
import { Balance } from './balance.js'
import { Copies } from './copies.js'
import { Discovery } from './discovery.js'
import { Endpoints } from './endpoints.js'
import type { ExecutorEvents } from './events.js'
import { type Job, newJob } from './job.js'
import { Notices } from './notices.js'
import { Outbox } from './outbox.js'
import type { Post } from './post.js'
import { Questions } from './questions.js'
import { Registry } from './registry.js'
import { Replies } from './replies.js'
import { Statistics } from './statistics.js'
import { stuckAt } from './stuck.js'
import type { Teller } from './teller.js'
import { readTransfer } from './transfer-message.js'

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
  readonly #answers: Answers
  readonly #endpoints: Endpoints
  readonly #admission: Admission
  readonly #discovery: Discovery
  readonly #statistics: Statistics
  readonly #registry = new Registry()
  readonly #outbox: Outbox
  readonly #notices: Notices
  readonly #questions: Questions
  readonly #copies: Copies | undefined
  readonly #balance: Balance | undefined
  #dropped = 0

  constructor(parts: DeskParts) {
    const { executorId, options, post, pool } = (this.#parts = parts)
    const { service, queue, prefix, module, concurrency, longestWait, backlogBytes } = options
    const subjects = (this.#subjects = new Subjects(prefix, queue, service))
    this.#statistics = new Statistics(name => pool.functions.get(name) !== undefined)
    this.#outbox = new Outbox(post)
    this.#notices = new Notices(post, executorId, subjects.hold(executorId), {
      aged: job => this.#copy(job),
      abandoned: job => this.#admission.abandon(job),
    })
    this.#questions = new Questions({
      executorId,
      post,
      registry: this.#registry,
      notices: this.#notices,
      outbox: this.#outbox,
      cancel: job => this.#admission.cancel(job),
      received: message => this.#endpoints.hear(message),
    })
    this.#endpoints = new Endpoints({
      post,
      service,
      queue,
      longestWait,
      received: job => this.#admission.take(job),
      notARequest: (what, inbox, functionName) => this.#answers.notARequest(what, inbox, functionName),
      dropped: message => this.dropped(message),
    })
    this.#discovery = new Discovery(post, {
      id: executorId,
      service,
      version: VERSION,
      metadata: {
        pid: String(process.pid),
        host: hostname(),
        concurrency: String(concurrency),
        ...aboutModule(module),
      },
      queue,
      functions: () => pool.functions.all,
      statistics: this.#statistics,
      data: () => this.#load(),
    })
    this.#answers = new Answers({
      post,
      replies: new Replies(post, executorId, options.exposeStack),
      outbox: this.#outbox,
      statistics: this.#statistics,
      tell: parts.tell,
      over: job => this.#over(job),
    })
    this.#admission = new Admission({
      service,
      concurrency,
      pool,
      registry: this.#registry,
      notices: this.#notices,
      outbox: this.#outbox,
      answers: this.#answers,
      flush: () => post.nc.flush(),
      dropCopy: ticket => this.#copies?.drop(ticket),
    })
    if (!options.balance) return
    this.#balance = new Balance({
      executorId,
      post,
      subjects,
      pool,
      concurrency,
      computeMs: () => this.#computeMs(),
      stuckAt: () => stuckAt(pool, name => this.#statistics.usualMs(name)),
      take: job => this.#admission.takeTransfer(job),
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
      lost: job => this.#admission.takeLost(newJob({ ...job, attempt: job.attempt + 1 })),
    })
  }

  /** Subscribes to everything. */
  start() {
    this.#discovery.start()
    this.#questions.start(this.#subjects.find, this.#subjects.hold(this.#parts.executorId))
    this.#endpoints.join()
    this.#balance?.start()
  }

  /** Those of the functions. */
  get subjects(): string[] {
    const { pool, options } = this.#parts
    return [...pool.functions.all].map(({ name }) => functionSubject(options.service, name))
  }

  /** What the server has to allow, beside inboxes and what is subscribed at the start. */
  get needs() {
    const { pool, match } = this.#subjects
    const { executorId } = this.#parts
    const [own, peers] = [executorId, ''].map(id => this.#subjects.peer(id)) as [string, string]
    const isBalanced = this.#balance !== undefined
    return { executorId, publishes: isBalanced ? [pool, match, own] : [], later: isBalanced ? [match] : [], peers }
  }

  /** No new ones come any more, and none from others; what is here is still computed. */
  async leaveGroup() {
    this.#balance?.takesNoMore(true)
    await this.#endpoints.leave()
  }

  /** There is a slot that works, or there is none. */
  async isWorking(isWorking: boolean) {
    if (!isWorking) return this.leaveGroup()
    this.#endpoints.join()
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
    return (
      this.#parts.pool.size + this.#admission.size === 0 && !this.#balance?.isMoving && this.#outbox.delivering === 0
    )
  }

  /** How many answers are on their way. */
  get delivering() {
    return this.#outbox.delivering
  }

  /** Answers all that has not started, and what still comes, with 503. */
  refuseRest() {
    this.#admission.refuseRest()
    this.#balance?.giveUp()
    for (const job of this.#parts.pool.releaseAll()) this.#answers.stopping(job)
  }

  /** Answers all that is computed with 503, whether it has ended or not. */
  answerRunning(text: string) {
    for (const job of this.#parts.pool.running) this.#answers.ended(ended(job, { code: Code.unavailable, text }))
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
    const what = message.reply ? notAnInbox(this.#parts.post.inboxPrefixes) : 'without a reply subject'
    this.#parts.tell.emit('warning', `ignored a message ${what}`)
  }

  // What the pool tells.

  changed() {
    this.#balance?.changed()
  }

  started(job: Job) {
    this.#notices.started(job)
    this.#parts.tell.emit('started', () => ({
      requestId: job.id,
      functionName: job.functionName,
      argument: payloadText(job.body, job.isBytes),
    }))
  }

  ended(outcome: Outcome<Job>) {
    this.#answers.ended(outcome)
  }

  interrupted(job: Job, text: string) {
    this.#answers.interrupted(job, text)
  }

  progressed(job: Job, body: Uint8Array) {
    this.#notices.progressed(job, body)
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
    if (!this.#copies || job.isAtMostOnce) return
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
    return Number.isFinite(elapsed) ? Math.max(elapsed, this.#statistics.meanMs ?? Infinity) : Infinity
  }

  #load() {
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
