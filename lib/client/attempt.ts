// One sending of a request, on the inbox of `request()` of nats.js. That method makes a timer, four promises and an error for
// each request, half of a client's time when answers come at once; an attempt takes the place of what it keeps.
import { ErrorCode, type Msg, type MsgHdrs, type NatsConnection, NatsError, nuid } from '../nats/nats.js'
import { headersOf } from '../nats/headers.js'
import { type Inbox, type Pending, type RequestParts, requestParts } from '../nats/nats-internals.js'

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
      hearFirst(this.#parts)
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

  /** A reply came, or the server's word that nobody is there. */
  heard(message: Msg) {
    const isNobody = message.data.length === 0 && headersOf(message)?.code === 503
    this.resolver(isNobody ? NatsError.errorForCode(ErrorCode.NoResponders) : null, message)
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

const inboxes = new WeakSet<Inbox>()

/**
 * Hears what comes to a connection's inbox before nats.js does, which takes all headers of each reply apart. Where it cannot
 * it would read nothing more from the connection: what others wait for is no answer then.
 */
function hearFirst({ muxSubscriptions, subscriptions }: RequestParts) {
  const inbox = subscriptions.getMux()
  if (!inbox || inboxes.has(inbox)) return
  inboxes.add(inbox)
  const { callback } = inbox
  inbox.callback = (error, message) => {
    const token = error ? '' : message.subject.slice(muxSubscriptions.baseInbox.length)
    const pending = muxSubscriptions.get(token)
    if (pending instanceof Attempt) {
      pending.heard(message)
      return
    }
    try {
      callback(error, message)
    } catch (fault) {
      if ((fault as NatsError).code !== ErrorCode.BadHeader) process.emitWarning(fault as Error)
    }
  }
}
