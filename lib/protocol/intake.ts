// Reads what a client sent as a request, or says what is wrong with it.
import { nanoid } from 'nanoid'
import type { Msg } from 'nats'
import { type Head, headOf } from './head.js'
import type { HeldRequest } from '../slots/held-request.js'
import { Header, MOST_ITEMS, isRequestId } from './words.js'

/** Milliseconds, as a header gives them. */
export const MILLISECONDS = /^\d{1,15}(\.\d{1,6})?$/
const ITEMS = /^[1-9]\d{0,4}$/
/** What is longer is taken for this, thirty years, so that it is still a time when it is handed over later. */
const LONGEST_MS = 1e12
/** The most characters of headers: where a request lies, they lie too. */
const MOST_HEADERS = 16 * 1024
/** Clients that send one request again and again all get the answer, up to that many. */
export const MOST_INBOXES = 8
/** A subject that can be handed over in a header. */
export const INBOX = /^[^\s*>]{1,256}$/

/** A message that is no request: what is wrong with it, and its id if that is right. */
export class NotARequest {
  readonly text: string
  readonly id: string | undefined
  constructor(text: string, id?: string) {
    this.text = text
    this.id = id
  }
}

/** Reads a request that a client sent. */
export function readRequest(message: Msg): HeldRequest | NotARequest {
  if (!INBOX.test(message.reply!))
    return new NotARequest('the reply subject has more than 256 characters, white space or wildcards')
  return read(headOf(message), message.data, [message.reply!], 0)
}

/** Reads a request from its parts; `waited`: for how many milliseconds it has waited before. */
export function read(head: Head | undefined, body: Uint8Array, replyTo: string[], waited: number) {
  if (head && head.length > MOST_HEADERS)
    return new NotARequest(`the headers have ${head.length} characters, more than ${MOST_HEADERS}`)
  const id = head?.get(Header.requestId)
  if (id !== undefined && !isRequestId(id))
    return new NotARequest(`${Header.requestId} must be 1–64 of A-Z a-z 0-9 _ -, got ${id.length} characters`)
  const timeout = head?.get(Header.timeoutMs) ?? ''
  if (timeout !== '' && !MILLISECONDS.test(timeout))
    return new NotARequest(`${Header.timeoutMs} must be a number of milliseconds`, id)
  const items = head?.get(Header.items) ?? ''
  if (items !== '' && !(ITEMS.test(items) && Number(items) <= MOST_ITEMS))
    return new NotARequest(`${Header.items} must be a number from 1 to ${MOST_ITEMS}`, id)
  const now = performance.now()
  return {
    id: id ?? nanoid(),
    named: id !== undefined,
    replyTo,
    items: Number(items),
    body,
    deadline: timeout === '' ? Infinity : now + Math.min(Number(timeout), LONGEST_MS),
    since: now - Math.min(waited, LONGEST_MS),
    arrived: now,
    started: 0,
    announced: false,
    slot: undefined,
    number: 0,
    gone: false,
  }
}
