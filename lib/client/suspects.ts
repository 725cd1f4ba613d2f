// Calls with which executors died twice. They go one after the other, or it would not be clear of which one executors die.
import type { Call } from './call.js'

export class Suspects {
  #seenAt = -Infinity
  /** The first is under way. */
  readonly #calls = new Set<Call>()

  /** Sends a call when it is its turn. */
  sendAlone(call: Call) {
    const [first] = this.#calls.add(call)
    if (call === first) call.send()
  }

  /** When an executor was last there for any of them: those that wait for their turn do not wait for nobody. */
  seenAt(call: Call): number {
    return this.#calls.has(call) ? this.#seenAt : -Infinity
  }

  /** An executor is there for it. */
  seen(call: Call) {
    if (this.#calls.has(call)) this.#seenAt = performance.now()
  }

  /** An executor says that it has it, so its death will tell: the next one may be sent. */
  found(call: Call) {
    this.seen(call)
    this.over(call)
  }

  /** It is over: the next one may be sent. */
  over(call: Call) {
    if (this.#calls.size === 0) return
    const [first] = this.#calls
    if (!this.#calls.delete(call) || call !== first) return
    const [next] = this.#calls
    next?.send()
  }
}
