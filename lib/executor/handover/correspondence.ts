// What an executor and the others write to each other about requests, and what of it has no answer yet.
import { nanoid } from 'nanoid'
import { type Msg, type NatsConnection, type PublishOptions, type Subscription, createInbox } from '../../nats/nats.js'
import { givenHeaders } from './given.js'
import { headersOf } from '../../nats/headers.js'
import type { Job } from '../job.js'
import { subscribeSafely } from '../../nats/subscribe-safely.js'
import { inboxPrefix } from '../../nats/nats-internals.js'

/** The last token of the subject at which an executor is asked by others that know it. */
const ASK = 'ask'
/** The last token of the reply subject of an answer: it tells whose it is, and what is sent there is not answered. */
const NONE = 'none'

const NOTHING = new Uint8Array(0)

export interface Ask {
  readonly token: string
  readonly at: number
  /** The inbox of the executor that was asked, if it was not a group. */
  readonly asked: string | undefined
  /** How often to ask again if there is nothing. */
  readonly tries: number
}

/** A request that was sent away: it is here again if the server says that nobody got it. */
export interface Sent {
  readonly at: number
  readonly request: Job
}

export interface CorrespondenceOwner {
  /** Another executor asks this one, which it knows. */
  asked(message: Msg): void
  /** An ask was answered, without a message if nobody was there. It may have been given up meanwhile. */
  answered(ask: Ask | undefined, message: Msg | undefined): void
  /** A request that was sent away is in other hands, or nobody was there. */
  settled(sent: Sent, isNobody: boolean): void
}

export class Correspondence {
  /** How many were sent; an answer of the server, that nobody is there, counts too. */
  messages = 0
  readonly #nc: NatsConnection
  readonly #owner: CorrespondenceOwner
  readonly #inbox: string
  readonly #asks = new Map<string, Ask>()
  readonly #sent = new Map<string, Sent>()
  #subscription: Subscription | undefined
  #tokens = 0

  constructor(nc: NatsConnection, owner: CorrespondenceOwner) {
    this.#nc = nc
    this.#owner = owner
    this.#inbox = createInbox(inboxPrefix(nc))
  }

  start() {
    this.#subscription = subscribeSafely(this.#nc, `${this.#inbox}.*`, message => this.#received(message))
  }

  /** Resolves when all is heard that was on its way here, by any subscription of this connection. */
  async close() {
    await this.#subscription?.drain()
  }

  get isOpen() {
    return this.#subscription !== undefined
  }

  get isAsking() {
    return this.#asks.size > 0
  }

  /** Asks `asked`, or a member of the group, for something older than what has that age. */
  ask(group: string, asked: string | undefined, age: string, tries: number): Ask {
    const ask = { token: `a${++this.#tokens}`, at: performance.now(), asked, tries }
    this.#asks.set(ask.token, ask)
    this.#publish(asked ? `${asked}.${ASK}` : group, Buffer.from(age), { reply: this.#replyTo(ask.token) })
    return ask
  }

  /** Answers an ask: there is nothing older than what has that age. */
  answerNothing(reply: string, age: string) {
    this.#publish(reply, Buffer.from(age), { reply: this.#replyTo(NONE) })
  }

  /** Offers or gives a request; `nextAge` is the age of the oldest one that stays. */
  send(request: Job, to: string, nextAge: string): Sent {
    // Only who gets the request can say that it has it.
    const token = `g${nanoid()}`
    const sent = { request, at: performance.now() }
    this.#sent.set(token, sent)
    this.#publish(to, request.body, { reply: this.#replyTo(token), headers: givenHeaders(request, nextAge) })
    return sent
  }

  /** Answers an offer. */
  answerTaken(reply: string) {
    this.#publish(reply, NOTHING)
  }

  /** Waits no longer for answers to what was sent before then, by `performance.now()`. */
  giveUp(before: number) {
    return { asks: removeOlder(this.#asks, before), sent: removeOlder(this.#sent, before) }
  }

  /** Whether this executor asks there for an answer. */
  isOwn(reply: string) {
    return inboxOf(reply) === this.#inbox
  }

  #received(message: Msg) {
    const token = message.subject.slice(this.#inbox.length + 1)
    const isNobody = headersOf(message)?.code === 503
    if (isNobody) this.messages++
    if (token === ASK) this.#owner.asked(message)
    else if (token[0] === 'a') {
      const ask = this.#asks.get(token)
      this.#asks.delete(token)
      this.#owner.answered(ask, isNobody ? undefined : message)
    } else {
      const sent = this.#sent.get(token)
      this.#sent.delete(token)
      if (sent) this.#owner.settled(sent, isNobody)
    }
  }

  #publish(subject: string, body: Uint8Array, options?: PublishOptions) {
    this.messages++
    this.#nc.publish(subject, body, options)
  }

  #replyTo(token: string) {
    return `${this.#inbox}.${token}`
  }
}

/** Whose a message is, by its reply subject. */
export const inboxOf = (reply: string) => reply.slice(0, reply.lastIndexOf('.'))

function removeOlder<T extends { at: number }>(open: Map<string, T>, before: number): T[] {
  const removed: T[] = []
  for (const [token, entry] of open)
    if (entry.at < before) {
      open.delete(token)
      removed.push(entry)
    }
  return removed
}
