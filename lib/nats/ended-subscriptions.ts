// Ends subscriptions so that they still hear what was on its way to them, many for one question to the server.
import type { NatsConnection, Subscription } from './nats.js'
import { type DrainParts, drainParts } from './nats-internals.js'

/** After so many the server is asked, and they are forgotten when it has answered: nothing is on its way any more. */
const MOST = 128

export class EndedSubscriptions {
  readonly #nc: NatsConnection
  readonly #parts: DrainParts | undefined
  #ended: Subscription[] = []

  constructor(nc: NatsConnection) {
    this.#nc = nc
    this.#parts = drainParts(nc)
  }

  add(subscription: Subscription) {
    if (!this.#parts) {
      // The same, with a question for each.
      void subscription.drain().catch(() => {})
      return
    }
    this.#parts.unsub(subscription)
    this.#ended.push(subscription)
    if (this.#ended.length < MOST) return
    const ended = this.#ended
    this.#ended = []
    const forget = () => this.#forget(ended)
    this.#nc.flush().then(forget, forget)
  }

  /**
   * The connection was lost, or is back. nats.js subscribes all that it knows of again: what ended before must be forgotten
   * then, and what ended meanwhile is ended once more.
   */
  connected(isUp: boolean) {
    if (!isUp) this.clear()
    else for (const subscription of this.#ended) this.#parts!.unsub(subscription)
  }

  /** All that was on its way was heard. */
  clear() {
    this.#forget(this.#ended)
    this.#ended = []
  }

  #forget(ended: Subscription[]) {
    for (const subscription of ended) this.#parts!.subscriptions.cancel(subscription)
  }
}
