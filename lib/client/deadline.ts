// Until when a call waits: for its timeout, from the first moment on. That of a patient call counts from when somebody was last there
// for it.
//
// States: waiting (the timer runs) → passing (the time is over, what has arrived by then is still read) → waiting again, for a patient
// call that was heard of; else it is given up. Until `clear`.
import type { FilledCallOptions } from '../client-options.js'
import type { Inbox } from '../nats/inbox.js'

export interface Waiting {
  readonly options: FilledCallOptions
  readonly isSettled: boolean
  /** When somebody was last there for it; `now` if somebody is. */
  seenAt(now: number): number
  /** Nobody has answered in time. */
  giveUp(): void
}

export class Deadline {
  /** By `performance.now()`. */
  at: number
  readonly #call: Waiting
  readonly #owner: { readonly inbox: Inbox | undefined }
  #isPassing = false
  #timer: NodeJS.Timeout

  /** `owner`: has the inbox that answers come to, if the connection is up. */
  constructor(call: Waiting, owner: { readonly inbox: Inbox | undefined }) {
    const { timeout } = call.options
    this.#call = call
    this.#owner = owner
    this.at = performance.now() + timeout
    this.#timer = setTimeout(passed, Math.ceil(timeout), this)
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
    this.#timer = setTimeout(passed, Math.ceil(at - now), this)
    return true
  }

  /** The time is over. */
  passed() {
    if (this.#isPassing || this.putOff()) return
    this.#isPassing = true
    const { inbox } = this.#owner
    if (inbox) void inbox.catchUp(performance.now() - this.at).then(() => this.#end())
    else this.#end()
  }

  clear() {
    clearTimeout(this.#timer)
  }

  #end() {
    if (this.#call.isSettled) return
    // It may have been heard of meanwhile.
    if (this.putOff()) this.#isPassing = false
    else this.#call.giveUp()
  }
}

const passed = (deadline: Deadline) => deadline.passed()
