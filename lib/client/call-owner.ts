// What a call needs of its client, and what it is made of.
import type { Inbox } from '../nats/inbox.js'
import type { Payload } from '../protocol/payload.js'
import type { Backoff } from './backoff.js'
import type { Call } from './call.js'
import type { ClientHeaders } from './outgoing.js'
import type { Suspects } from './suspects.js'
import type { Watcher } from './watcher.js'

/** What a call needs of its client. */
export interface CallOwner {
  readonly service: string
  /** Where to send, if the connection is up now. */
  readonly inbox: Inbox | undefined
  /** Resolves when the connection is up; rejects if it never will be. */
  connection(): Promise<unknown>
  /** The headers that all of its requests have, as text: those sent for the first time, or again. */
  readonly headers: ClientHeaders
  readonly watcher: Watcher
  readonly suspects: Suspects
  readonly backoff: Backoff
  /** Why nobody answers, for messages: the server or the executors. */
  whoIsMissing(): string
  settled(call: Call): void
}

/** What the body of a request is. */
export interface Argument extends Payload {
  /** How many arguments it has, if it is a batch; else 0. */
  batchSize: number
  /** How many executors have died of it, as part of a larger batch. */
  deaths: number
  /** How often it may have been computed before, as part of a larger batch. */
  tries: number
}
