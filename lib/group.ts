// Membership of one queue group, which an executor joins and leaves all the time.
import type { Msg, NatsConnection, Subscription } from 'nats'
import { listen } from './listen.js'

export class Group {
  readonly subject: string
  readonly #nc: NatsConnection
  readonly #queue: string
  readonly #callback: (message: Msg) => void
  #subscription: Subscription | undefined

  constructor(nc: NatsConnection, subject: string, queue: string, callback: (message: Msg) => void) {
    this.#nc = nc
    this.subject = subject
    this.#queue = queue
    this.#callback = callback
  }

  get isMember() {
    return this.#subscription !== undefined
  }

  join() {
    this.#subscription ??= listen(this.#nc, this.subject, this.#callback, { queue: this.#queue })
  }

  leave() {
    // Drained, since what is on its way must be answered.
    void this.#subscription?.drain().catch(() => {})
    this.#subscription = undefined
  }
}
