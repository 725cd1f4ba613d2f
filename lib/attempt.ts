// One sending of a request, on the inbox of `request()` of nats.js. That method makes a timer, four promises and an error for
// each request, half of a client's time when answers come at once; an attempt takes the place of what it keeps.
import { type Msg, type MsgHdrs, type NatsConnection, type NatsError, nuid } from 'nats'
import { type Pending, type RequestParts, requestParts } from './nats-parts.js'

export interface AttemptOwner {
  answered(message: Msg, attempt: Attempt): void
  /** Nobody is there, or the server refuses the subject: codes of nats.js. */
  failed(error: NatsError, attempt: Attempt): void
}

export class Attempt implements Pending {
  readonly token = nuid.next()
  readonly requestSubject: string
  received = 0
  isUnderWay = false
  readonly #owner: AttemptOwner
  #parts: RequestParts | undefined

  constructor(subject: string, owner: AttemptOwner) {
    this.requestSubject = subject
    this.#owner = owner
  }

  /** Sends it; waits for an answer until `end`, in versions of nats.js that keep other things until `timeout`. */
  send(nc: NatsConnection, body: Uint8Array, headers: MsgHdrs, timeout: number) {
    this.isUnderWay = true
    try {
      this.#parts = requestParts(nc)
      if (!this.#parts) {
        nc.request(this.requestSubject, body, { timeout, headers }).then(
          message => this.resolver(null, message),
          error => this.resolver(error),
        )
        return
      }
      this.#parts.request(this)
      nc.publish(this.requestSubject, body, { reply: this.#parts.muxSubscriptions.baseInbox + this.token, headers })
    } catch (error) {
      this.resolver(error as NatsError)
    }
  }

  /** No answer is waited for any more. */
  end() {
    this.isUnderWay = false
    this.#parts?.muxSubscriptions.cancel(this)
  }

  resolver(error: NatsError | null, message?: Msg) {
    this.end()
    try {
      if (error) this.#owner.failed(error, this)
      else this.#owner.answered(message!, this)
    } catch (fault) {
      // nats.js would read nothing more.
      process.emitWarning(fault as Error)
    }
  }
}
