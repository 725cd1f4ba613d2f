// Membership of one queue group, which an executor joins and leaves all the time.
import type { Msg, NatsConnection, Subscription } from 'nats'
import type { EndedSubscriptions } from './ended-subscriptions.js'
import { listen } from './listen.js'

export class Group {
  readonly subject: string
  readonly #nc: NatsConnection
  readonly #queue: string
  readonly #ended: EndedSubscriptions
  readonly #callback: (message: Msg) => void
  #subscription: Subscription | undefined

  constructor(
    nc: NatsConnection,
    subject: string,
    queue: string,
    ended: EndedSubscriptions,
    callback: (message: Msg) => void,
  ) {
    this.#nc = nc
    this.subject = subject
    this.#queue = queue
    this.#ended = ended
    this.#callback = callback
  }

  get isMember() {
    return this.#subscription !== undefined
  }

  join() {
    this.#subscription ??= listen(this.#nc, this.subject, this.#callback, { queue: this.#queue })
  }

  leave() {
    // What is on its way must be answered.
    if (this.#subscription) this.#ended.add(this.#subscription)
    this.#subscription = undefined
  }
}
