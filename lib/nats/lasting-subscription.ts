// A subscription that lasts for as long as its owner wants. A server that is configured anew may take a right away while the
// connection goes on, and give it back later. nats.js forgets a subscription that is refused; or it does not hear of it, as of one in a
// queue group, which the server does not name then.
import { isOpen } from './connection.js'
import type { Msg, NatsConnection, Subscription } from './nats.js'
import { subscribeSafely } from './subscribe-safely.js'

/** After a refusal. */
const AGAIN_MS = 5000

export class LastingSubscription {
  readonly subject: string
  readonly #nc: NatsConnection
  readonly #subscribe: () => Subscription
  #subscription: Subscription
  #again: NodeJS.Timeout | undefined
  #isEnded = false

  constructor(nc: NatsConnection, subject: string, handle: (message: Msg) => void, queue?: string) {
    this.#nc = nc
    this.subject = subject
    this.#subscribe = () => subscribeSafely(nc, subject, handle, queue === undefined ? {} : { queue })
    this.#subscription = this.#subscribe()
  }

  /** What is on its way is still heard. */
  async end() {
    this.#isEnded = true
    clearTimeout(this.#again)
    if (isOpen(this.#nc)) await this.#subscription.drain().catch(() => {})
  }

  /** The server does not allow it, or not any more: it is tried again. */
  refused() {
    if (this.#isEnded) return
    clearTimeout(this.#again)
    this.#again = setTimeout(() => {
      if (!isOpen(this.#nc)) return
      // It may be there again, with a new connection.
      void this.#subscription.drain().catch(() => {})
      this.#subscription = this.#subscribe()
    }, AGAIN_MS).unref()
  }
}
