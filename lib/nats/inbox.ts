// Requests and their replies, as with `request()` of nats.js. That method makes a timer, four promises and an error for each
// request, half of a client's time when answers come at once, and takes the first reply, whoever sent it.
//
// On a connection of our own replies come to the built-in inbox of `request()`. One that somebody handed in is left as it
// is: its replies come to an inbox that is subscribed here, and `close` leaves nothing behind.
import { setImmediate } from 'node:timers/promises'
import { encodeHeaders, isNoResponders } from './headers.js'
import { inboxParts, inboxPrefix } from './nats-internals.js'
import { ErrorCode, type Msg, type MsgHdrs, type NatsConnection, NatsError, createInbox } from './nats.js'
import { OftenEmptyMap } from '../often-empty.js'
import { safeCallback, subscribeSafely } from './subscribe-safely.js'
import { type Refusals, isSubscriptionLimit, refusalsOf } from './violations.js'

/** A timer that fires so much later than it should, in milliseconds, tells of a blocked event loop. */
const BLOCKED_MS = 10
/** The longest that what has arrived is read: the server may be gone. */
const READ_FOR_MS = 2000

/** Each user should have inboxes of its own, and its connection must know. */
const HINT = 'has this user inboxes of its own (inboxPrefix, --inbox-prefix)?'

/** The server does not let the connection subscribe to its replies. What was sent may be computed. */
export class RefusedInboxError extends NatsError {}

export interface Listener {
  readonly subject: string
  /** A reply came, the first or another one. */
  onReply(message: Msg, token: string): void
  /** Nobody is there, or the server refuses the subject: codes of nats.js. */
  onFailure(error: NatsError, token: string): void
}

export class Inbox {
  readonly #nc: NatsConnection
  readonly isOwn: boolean
  readonly #inboxPrefix: string | undefined
  readonly #listeners = new OftenEmptyMap<string, Listener>()
  readonly #ended = new AbortController()
  #catchingUp: Promise<void> | undefined
  #prefix = ''
  #tokens = 0
  #unsubscribe: (() => void) | undefined
  /** What the server says now of its limit may be said of this one. */
  #isNew = false

  /**
   * `isOwn`: nobody else uses the connection; `prefix`: where replies go on one that is not, if not where its own go. `refusals` hear
   * what the server says, too.
   */
  constructor(
    nc: NatsConnection,
    isOwn: boolean,
    prefix = inboxPrefix(nc),
    refusals: Omit<Refusals, 'violation'> = {},
  ) {
    this.#nc = nc
    this.isOwn = isOwn
    this.#inboxPrefix = prefix
    refusalsOf(nc, this.#ended.signal, {
      ...refusals,
      violation: ({ operation, subject }) => {
        if (operation !== 'publish') return
        const text = `Permissions Violation for Publish to "${subject}"`
        this.#fail(new NatsError(text, ErrorCode.PermissionsViolation), subject)
      },
      said: text => {
        refusals.said?.(text)
        if (this.#isNew && isSubscriptionLimit(text)) this.#tooMany(text)
      },
    })
  }

  /** Publishes a request; `listener` hears of it until its token, which is returned, is forgotten. Throws as `publish`. */
  send(listener: Listener, body: Uint8Array | string, headers?: MsgHdrs): string {
    const token = this.reserve(listener)
    const reply = this.#prefix + token
    try {
      this.#nc.publish(listener.subject, body, headers ? { reply, headers } : { reply })
    } catch (error) {
      this.forget(token)
      throw error
    }
    return token
  }

  /** Makes a token for replies to what is published otherwise. */
  reserve(listener: Listener): string {
    if (!this.#unsubscribe) this.#subscribe()
    const token = (++this.#tokens).toString(36)
    this.#listeners.set(token, listener)
    return token
  }

  replySubject(token: string) {
    return this.#prefix + token
  }

  /** Where all replies come. */
  get subject() {
    return `${this.#prefix}*`
  }

  forget(token: string) {
    this.#listeners.delete(token)
  }

  /**
   * Sends a question; resolves with what `read` makes of a reply, if that is anything, with 'nobody' if the server says
   * so, and else with 'unknown', after `ms` milliseconds at the latest. `lines` are those of headers.
   */
  ask<Answer>(subject: string, body: string, ms: number, read: (message: Msg) => Answer | undefined, lines = '') {
    return new Promise<Answer | 'nobody' | 'unknown'>(resolve => {
      const end = (answer: Answer | 'nobody' | 'unknown') => {
        clearTimeout(timer)
        this.forget(token)
        resolve(answer)
      }
      const onReply = (message: Msg) => {
        const answer = read(message)
        if (answer !== undefined) end(answer)
      }
      const onFailure = ({ code }: NatsError) => end(code === ErrorCode.NoResponders ? 'nobody' : 'unknown')
      const timer = setTimeout(end, ms, 'unknown')
      let token = ''
      try {
        token = this.send({ subject, onReply, onFailure }, body, lines ? encodeHeaders(lines) : undefined)
      } catch {
        end('unknown')
      }
    })
  }

  /** Resolves when the server has what was sent, and what it says of it is read; rejects if the connection is lost before. */
  flush(): Promise<void> {
    return this.#nc.flush()
  }

  /** Resolves when what has arrived is read: after a blocked event loop a timer fires before that. */
  catchUp(lateMs: number): Promise<void> {
    if (lateMs <= BLOCKED_MS) return setImmediate()
    return (this.#catchingUp ??= new Promise<void>(resolve => {
      const end = () => {
        clearTimeout(timer)
        this.#catchingUp = undefined
        resolve()
      }
      const timer = setTimeout(end, READ_FOR_MS)
      // The server's answer comes after all that it has sent before.
      this.#nc.flush().then(end, end)
    }))
  }

  /** The most bytes that the server takes in one message, headers and all. */
  get maxPayload() {
    return this.#nc.info?.max_payload ?? Infinity
  }

  /** Whether somebody closes or drains the connection. */
  get isClosing() {
    return this.#nc.isClosed() || this.#nc.isDraining()
  }

  close() {
    this.#listeners.clear()
    this.#ended.abort()
    this.#unsubscribe?.()
  }

  #subscribe() {
    const refused = (error: NatsError) => {
      this.#unsubscribe = undefined
      const isRefused = error.code === ErrorCode.PermissionsViolation && this.#inboxPrefix === undefined
      const text = isRefused ? `${error.message}: ${HINT}` : error.message
      const told = new RefusedInboxError(text, error.code, error)
      // nats.js is in the middle of forgetting the subscription.
      queueMicrotask(() => this.#fail(told))
    }
    const parts = this.isOwn ? inboxParts(this.#nc) : undefined
    if (parts) {
      parts.initMux()
      this.#prefix = parts.muxSubscriptions.baseInbox
      parts.subscriptions.getMux()!.callback = safeCallback(this.#hear, refused)
      this.#unsubscribe = () => {}
    } else {
      this.#prefix = `${createInbox(this.#inboxPrefix)}.`
      const subscription = subscribeSafely(this.#nc, `${this.#prefix}*`, this.#hear, { onRefused: refused })
      this.#unsubscribe = () => subscription.unsubscribe()
      void this.#becomeKnown()
    }
  }

  async #becomeKnown() {
    this.#isNew = true
    await this.#nc.flush().catch(() => {})
    // What the status says comes a little later.
    await setImmediate()
    this.#isNew = false
  }

  /** The server has refused the subscription, since the connection has as many as it may: the next request tries again. */
  #tooMany(text: string) {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#fail(new RefusedInboxError(text, ErrorCode.ProtocolError))
  }

  readonly #hear = (message: Msg) => {
    const token = message.subject.slice(this.#prefix.length)
    const listener = this.#listeners.get(token)
    if (!listener) return
    if (isNoResponders(message)) listener.onFailure(NatsError.errorForCode(ErrorCode.NoResponders), token)
    else listener.onReply(message, token)
  }

  #fail(error: NatsError, subject?: string) {
    for (const [token, listener] of new Map(this.#listeners))
      if (subject === undefined || listener.subject === subject) listener.onFailure(error, token)
  }
}
