// What has kept a call from its answer so far: nobody was there, a refusal, a stranger's reply. It says with which error the call ends
// when its timeout is over.
import type { ErrorDetails, RequestError } from '../errors.js'
import { type Wait, timeoutError } from './call-errors.js'

/** An attempt that was sent less than this before the timeout, in milliseconds, may not even have been refused. */
const LATE_MS = 50

export class Obstacles {
  /** The server knew nobody who takes the request, and nobody was heard of since. */
  hasFoundNobody = false
  /** The answer that made the call pause last. */
  refusal: RequestError | undefined
  /** When an executor last had no room for it. */
  refusedAt = -Infinity
  /** What a reply said that is none of an executor's. */
  stranger: string | undefined
  /** How often it was sent in vain. */
  tries = 0

  /** An executor is there, and does not compute it now. */
  refused(error: RequestError) {
    this.hasFoundNobody = false
    this.refusal = error
  }

  /** It waits for a connection: who is there is not known. */
  clear() {
    this.hasFoundNobody = false
    this.refusal = undefined
  }

  /**
   * Whether somebody may have it; `sentMs`: how long ago the attempt that is under way was sent, if one is; `wasLost`: one was before, with
   * an executor or without, which the server has not said yet.
   */
  isTaken(sentMs: number | undefined, wasLost: boolean) {
    if (sentMs === undefined) return wasLost && !this.hasFoundNobody && !this.refusal
    // The last of many attempts may have had no time to find out that nobody is there.
    return this.tries === 0 || sentMs > LATE_MS
  }

  /** The timeout is over. */
  error(wait: Omit<Wait, 'refusal' | 'strange'>, details: ErrorDetails): RequestError {
    return timeoutError({ ...wait, refusal: this.refusal, strange: this.stranger }, details)
  }
}
