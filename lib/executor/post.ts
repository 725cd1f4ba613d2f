// The executor's way into its connection: what it publishes and subscribes to.
//
// A reply subject is somebody else's choice, and an executor may publish where its client may not. So a message whose reply subject
// is not an inbox is dropped: it is counted, and not even answered with an error.
import { nanoid } from 'nanoid'
import { isOpen } from '../nats/connection.js'
import { encodeHeaders, isNoResponders } from '../nats/headers.js'
import { Inbox } from '../nats/inbox.js'
import { LastingSubscription } from '../nats/lasting-subscription.js'
import { inboxPrefix, wireParts } from '../nats/nats-internals.js'
import type { Msg, NatsConnection, PublishOptions } from '../nats/nats.js'
import { subscribeSafely } from '../nats/subscribe-safely.js'
import { DEFAULT_INBOX_PREFIX, isInbox } from '../protocol/subjects.js'

const NOTHING = new Uint8Array(0)

export class Post {
  readonly nc: NatsConnection
  /** For what this executor asks others. */
  readonly inbox: Inbox
  /** What inboxes begin with, its own and those of clients. */
  readonly inboxPrefixes: readonly string[]
  readonly #onDropped: (message: Msg) => void
  readonly #subscriptions = new Set<LastingSubscription>()

  constructor(nc: NatsConnection, isOwn: boolean, inboxPrefixes: readonly string[], onDropped: (message: Msg) => void) {
    this.nc = nc
    this.inbox = new Inbox(nc, isOwn)
    this.inboxPrefixes = [inboxPrefix(nc) ?? DEFAULT_INBOX_PREFIX, ...inboxPrefixes]
    this.#onDropped = onDropped
  }

  /** A connection that its owner drains or has closed takes nothing any more. */
  get isOpen() {
    return isOpen(this.nc)
  }

  get maxPayload() {
    return this.inbox.maxPayload
  }

  isInbox(subject: string) {
    return isInbox(subject, this.inboxPrefixes)
  }

  /** Under the same prefix as an inbox is, one that is nobody's. */
  nobodyBeside(inbox: string) {
    return `${this.inboxPrefixes.find(prefix => isInbox(inbox, [prefix]))}.${nanoid()}`
  }

  /** `lines` are those of headers. */
  publish(subject: string, body: Uint8Array | string = NOTHING, lines = '', reply = '') {
    if (!this.isOpen) return
    const options: PublishOptions = {}
    if (lines !== '') options.headers = encodeHeaders(lines)
    if (reply !== '') options.reply = reply
    this.nc.publish(subject, body, options)
  }

  /** What was published is on its way even if this process ends in this moment. */
  writeNow() {
    wireParts(this.nc)?.flushPending()
  }

  /** What comes needs no answer. */
  subscribe(subject: string, handle: (message: Msg) => void, queue?: string): LastingSubscription {
    const subscription = new LastingSubscription(this.nc, subject, handle, queue)
    this.#subscriptions.add(subscription)
    return subscription
  }

  /** Has the server say if it does not allow a subject. */
  trySubscribing(subject: string) {
    // Both in one turn: nothing can come in between.
    subscribeSafely(this.nc, subject, () => {}).unsubscribe()
  }

  /** Whether it is one of the subjects that are subscribed here. */
  isSubscribed(subject: string) {
    return subject === this.inbox.subject || [...this.#subscriptions].some(each => each.subject === subject)
  }

  /** The server has taken away the right to a subject. */
  refused(subject: string) {
    for (const subscription of this.#subscriptions) if (subscription.subject === subject) subscription.refused()
  }

  /** What comes is to be answered. */
  serve(subject: string, handle: (message: Msg) => void) {
    this.subscribe(subject, message => {
      if (message.reply && this.isInbox(message.reply)) handle(message)
      // A client that is gone hears no notice: with `hold` as its reply subject the server says so here.
      else if (!isNoResponders(message)) this.#onDropped(message)
    })
  }

  /** Ends a subscription; what is on its way is still heard. */
  end(subscription: LastingSubscription) {
    this.#subscriptions.delete(subscription)
    return subscription.end()
  }

  async close() {
    await Promise.all([...this.#subscriptions].map(each => this.end(each)))
    this.inbox.close()
  }
}
