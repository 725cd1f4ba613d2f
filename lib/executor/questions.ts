// Answers clients that ask for their requests, or cancel them.
import { headersOf } from '../nats/headers.js'
import { Header } from '../protocol/headers.js'
import { type Question, type Status, parseQuestion } from '../protocol/hold.js'
import type { Msg } from '../nats/nats.js'
import { type Job, nameOf } from './job.js'
import { type Notices, stateOf } from './notices.js'
import type { Outbox } from './outbox.js'
import type { Post } from './post.js'
import type { Registry } from './registry.js'

export interface QuestionsParts {
  readonly executorId: string
  readonly post: Post
  readonly registry: Registry
  readonly notices: Notices
  readonly outbox: Outbox
  /** Drops a request, or ends its computation. */
  cancel(job: Job): void
  /** A request for this executor alone. */
  received(message: Msg): void
}

export class Questions {
  readonly #parts: QuestionsParts

  constructor(parts: QuestionsParts) {
    this.#parts = parts
  }

  /** `find`: where all executors are asked; `hold`: where this one is. */
  start(find: string, hold: string) {
    this.#parts.post.serve(find, message => this.#asked(message, false))
    this.#parts.post.serve(hold, message => {
      if (headersOf(message)?.get(Header.requestId) === undefined) this.#asked(message, true)
      else this.#parts.received(message)
    })
  }

  #asked(message: Msg, isAlone: boolean) {
    const question = parseQuestion(message.string())
    if (!question) return
    this.#parts.notices.heard(question.key ?? '')
    const status = this.#statusOf(question, message.reply!, isAlone)
    if (!isAlone) {
      // Of many that are asked only those answer that have something: who has got it from here answers itself.
      delete status.missing
      delete status.moved
    }
    if (isAlone || question.roll || Object.keys(status).length > 1)
      this.#parts.post.publish(message.reply!, JSON.stringify(status))
  }

  #statusOf({ key = '', ids = [], cancel = [] }: Question, reply: string, isAlone: boolean): Status {
    const { executorId, registry, outbox } = this.#parts
    const status: Status = { executorId }
    // Not an object: an id may be `__proto__`.
    const moved = new Map<string, string>()
    const add = (list: 'waiting' | 'computing' | 'answered' | 'cancelled' | 'missing', id: string) =>
      (status[list] ??= []).push(id)
    for (const id of ids) {
      const job = registry.find(id, key)
      const to = registry.whereTo(id, key)
      if (job?.state === 'held') {
        // It knows now.
        job.toldState = stateOf(job)
        add(job.toldState, id)
      } else if (job) add('waiting', id)
      else if (outbox.repeat(nameOf({ id, key }))) add('answered', id)
      else if (to !== undefined) moved.set(id, to)
      else add('missing', id)
    }
    for (const id of cancel) {
      const job = registry.find(id, key)
      const to = registry.whereTo(id, key)
      if (job?.state === 'moving') add('waiting', id)
      // Clients that share a key may have one id computed at several executors: to all goes what is meant for one.
      else if (job && (isAlone || mayWait(job, reply))) {
        if (!leave(job, reply)) this.#parts.cancel(job)
        add('cancelled', id)
      } else if (to !== undefined) moved.set(id, to)
      else add('missing', id)
    }
    if (moved.size > 0) status.moved = Object.fromEntries(moved)
    return status
  }
}

/** What all inboxes of a client begin with. */
const baseOf = (inbox: string) => inbox.slice(0, inbox.lastIndexOf('.') + 1)

/** Whether the client of that inbox may be one of those who wait; of inboxes that have nothing in common but the prefix it may. */
const mayWait = ({ replyTo }: Job, reply: string) =>
  replyTo.some(inbox => inbox.startsWith(baseOf(reply)) || reply.startsWith(baseOf(inbox)))

/** The client of that inbox waits for the request no more; false if nobody else does, or it is not one of those who wait. */
function leave({ replyTo }: Job, reply: string): boolean {
  const own = baseOf(reply)
  const others = replyTo.filter(inbox => !inbox.startsWith(own))
  if (others.length === 0 || others.length === replyTo.length) return false
  replyTo.splice(0, Infinity, ...others)
  return true
}
