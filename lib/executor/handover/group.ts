// Membership of one queue group, which an executor joins and leaves all the time.
import type { Msg, NatsConnection, Subscription } from '../../nats/nats.js'
import type { EndedSubscriptions } from '../../nats/ended-subscriptions.js'
import { subscribeSafely } from '../../nats/subscribe-safely.js'

export class Group {
  readonly subject: string
  readonly #nc: NatsConnection
  readonly #queue: string
  readonly #ended: EndedSubscriptions
  readonly #callback: (message: Msg) => void
  readonly #weight: number
  #subscriptions: Subscription[] = []

  /** `weight`: how many subscriptions a membership is; the server picks one of all members'. */
  constructor(
    nc: NatsConnection,
    subject: string,
    queue: string,
    ended: EndedSubscriptions,
    callback: (message: Msg) => void,
    weight = 1,
  ) {
    this.#nc = nc
    this.subject = subject
    this.#queue = queue
    this.#ended = ended
    this.#callback = callback
    this.#weight = weight
  }

  get isMember() {
    return this.#subscriptions.length > 0
  }

  join() {
    while (this.#subscriptions.length < this.#weight)
      this.#subscriptions.push(subscribeSafely(this.#nc, this.subject, this.#callback, { queue: this.#queue }))
  }

  leave() {
    // What is on its way must be answered.
    for (const subscription of this.#subscriptions.splice(0)) this.#ended.add(subscription)
  }
}
