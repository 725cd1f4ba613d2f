// What a call sends: its argument, with the headers of each attempt; and which attempts may still be answered.
import { encodeHeaders } from '../nats/headers.js'
import type { FilledCallOptions } from '../client-options.js'
import type { Inbox, Listener } from '../nats/inbox.js'
import { Detached, Header, Notices } from '../protocol/headers.js'
import { BYTES_TYPE } from '../protocol/payload.js'
import { line } from '../protocol/raw-headers.js'
import { LONGEST_MS, MOST_ATTEMPTS } from '../protocol/request.js'
import type { Argument } from './call-owner.js'

/**
 * What all requests of a client have: its key, and that it understands notices and watches. One that was lost wants a notice
 * before anything else happens, so that it is known whether an executor dies of it.
 */
export const clientHeaders = (key: string) => ({
  first: line(Header.key, key) + line(Header.notices, Notices.later),
  again: line(Header.key, key) + line(Header.notices, Notices.first),
})

export type ClientHeaders = ReturnType<typeof clientHeaders>

export interface Attempt {
  /** How long the call still waits, if it is not patient. */
  remainingMs: number
  /** How often it was lost. */
  losses: number
  /** To one executor alone: the subject does not say the function's name. */
  isDirect: boolean
}

export class Outgoing {
  readonly body: Uint8Array
  /** How many attempts found somebody, as far as is known. */
  attempts = 0
  /** The newest attempt, and those before it that may still be answered, since the request was taken for lost. */
  #token = ''
  #earlier: string[] | undefined
  /** Where they are answered: also while the connection is down. */
  #inbox: Inbox | undefined
  readonly #isBytes: boolean
  readonly #batchSize: number
  readonly #tries: number
  readonly #id: string
  readonly #options: FilledCallOptions

  constructor(id: string, { body, isBytes, batchSize, tries }: Argument, options: FilledCallOptions) {
    this.body = typeof body === 'string' ? Buffer.from(body) : body
    this.#isBytes = isBytes
    this.#batchSize = batchSize
    this.#tries = tries
    this.#id = id
    this.#options = options
  }

  send(inbox: Inbox, call: Listener, ofClient: ClientHeaders, attempt: Attempt) {
    if (this.#token) (this.#earlier ??= []).push(this.#token)
    this.#token = ''
    this.attempts++
    this.#inbox = inbox
    this.#token = inbox.send(call, this.body, this.#headers(ofClient, attempt))
  }

  /** Whether it is that of the newest attempt. */
  isNewest(token: string) {
    return token === this.#token
  }

  /** How often the request was lost if that is one more attempt: that its arguments' batch failed is none. */
  lossesBefore(attempt: number) {
    return attempt - 1 - this.#tries
  }

  /** Nothing is expected of the newest attempt any more. */
  forget() {
    this.#inbox?.forget(this.#token)
    this.#token = ''
  }

  forgetAll() {
    this.forget()
    for (const token of this.#earlier ?? []) this.#inbox?.forget(token)
  }

  #headers(ofClient: ClientHeaders, { remainingMs, losses, isDirect }: Attempt) {
    const { functionName, priority, isDetached, isPatient, headerLines, onProgress, retries } = this.#options
    const timeoutMs = isPatient ? LONGEST_MS : Math.ceil(remainingMs * 10) / 10
    let lines = losses > 0 ? ofClient.again : ofClient.first
    lines += line(Header.requestId, this.#id) + line(Header.timeoutMs, timeoutMs)
    if (isDirect && functionName) lines += line(Header.function, functionName)
    if (this.#isBytes) lines += line(Header.contentType, BYTES_TYPE)
    const tries = this.#tries + losses
    if (tries > 0) lines += line(Header.attempt, Math.min(tries + 1, MOST_ATTEMPTS))
    if (onProgress) lines += line(Header.progress, 1)
    if (this.#batchSize > 0) lines += line(Header.batchSize, this.#batchSize)
    if (priority !== 0) lines += line(Header.priority, priority)
    if (isDetached) lines += line(Header.detached, retries === 0 ? Detached.once : Detached.survives)
    return encodeHeaders(lines + headerLines)
  }
}
