// Calls with which executors died twice. They go one after the other, or it would not be clear of which one executors die: the next one
// when the first is over, or has been with an executor for a while and has not ended it. Else long ones would wait for each other's ends.
import type { Call } from './call.js'

/** How long one is alone with an executor at most, in milliseconds; those that wait for their turns at the same time share it. */
const ALONE_MS = 5000

export class Suspects {
  #seenAt = -Infinity
  /** The turn of the first ends. */
  #timer: NodeJS.Timeout | undefined
  /** The first is under way, and it is its turn. */
  readonly #calls = new Set<Call>()
  /** How many there were at the same time, since there was none. */
  #most = 0

  /** Sends a call when it is its turn. */
  sendAlone(call: Call) {
    const [first] = this.#calls.add(call)
    this.#most = Math.max(this.#most, this.#calls.size)
    if (call !== first) return
    // Perhaps for the second time: where it was, it is no more.
    this.#endTurn()
    call.send()
  }

  /** When an executor was last there for any of them: those that wait for their turn do not wait for nobody. */
  seenAt(call: Call): number {
    return this.#calls.has(call) ? this.#seenAt : -Infinity
  }

  /** An executor is there for it. */
  seen(call: Call) {
    if (this.#calls.has(call)) this.#seenAt = performance.now()
  }

  /** An executor says that it has it: the next one may be sent if that is still there after a while. */
  found(call: Call) {
    this.seen(call)
    const [first] = this.#calls
    if (call === first) this.#timer ??= setTimeout(() => this.over(call), ALONE_MS / this.#most)
  }

  /** It is over, or its turn is: the next one may be sent. */
  over(call: Call) {
    if (this.#calls.size === 0) return
    const [first] = this.#calls
    if (!this.#calls.delete(call) || call !== first) return
    this.#endTurn()
    const [next] = this.#calls
    if (!next) this.#most = 0
    next?.send()
  }

  #endTurn() {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
