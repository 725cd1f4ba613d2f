// Until when a call waits: for its timeout, from the first moment on. That of a patient call counts from when somebody was last there
// for it. Its timer runs until `clear`.
import type { FilledCallOptions } from '../client-options.js'

export interface Waiting {
  readonly options: FilledCallOptions
  /** When somebody was last there for it; `now` if somebody is. */
  seenAt(now: number): number
  timedOut(): void
}

export class Deadline {
  /** By `performance.now()`. */
  at: number
  readonly #call: Waiting
  #timer: NodeJS.Timeout

  constructor(call: Waiting) {
    const { timeout } = call.options
    this.#call = call
    this.at = performance.now() + timeout
    this.#timer = setTimeout(timedOut, Math.ceil(timeout), call)
  }

  /** Whether a call that is not patient has waited for its timeout. */
  get isOver() {
    return !this.#call.options.isPatient && performance.now() >= this.at
  }

  /** Puts it off if the call is patient, and somebody is there for it or was within its timeout; false if not. */
  putOff(): boolean {
    const { timeout, isPatient } = this.#call.options
    if (!isPatient) return false
    const now = performance.now()
    const at = this.#call.seenAt(now) + timeout
    if (at <= now) return false
    this.at = at
    clearTimeout(this.#timer)
    this.#timer = setTimeout(timedOut, Math.ceil(at - now), this.#call)
    return true
  }

  clear() {
    clearTimeout(this.#timer)
  }
}

const timedOut = (call: Waiting) => call.timedOut()
