// With which error a call ends that no executor has answered.
import {
  ConnectionError,
  type ErrorDetails,
  NoExecutorsError,
  OverloadedError,
  type RequestError,
  TimeoutError,
  TooLargeError,
  UnavailableError,
} from '../errors.js'
import { type Inbox, RefusedInboxError } from '../nats/inbox.js'
import { ErrorCode, type NatsError } from '../nats/nats.js'
import { unusualPrefix } from '../protocol/subjects.js'

export interface Sending {
  body: Uint8Array
  inbox: Inbox | undefined
  /** To one executor alone: another one may take it. */
  isDirect: boolean
}

/** An attempt could not be sent; undefined if another one may be. */
export function unsentError(error: NatsError, { body, inbox, isDirect }: Sending, details: ErrorDetails) {
  if (inbox?.isClosing) return new ConnectionError('the connection was closed', details)
  if (error.code === ErrorCode.MaxPayloadExceeded) {
    const most = inbox?.maxPayload ?? 0
    const isHeaders = body.byteLength <= most ? ', too many with the headers of the request,' : ''
    const text = `the argument has ${body.byteLength} bytes${isHeaders} and the server's max_payload is ${most}`
    return new TooLargeError(text, { ...details, attempts: 0 })
  }
  if (isDirect || error.code === ErrorCode.NoResponders) return undefined
  const what = error instanceof RefusedInboxError ? 'no reply can come' : 'the request could not be sent'
  return new UnavailableError(`${what}: ${error.message}`, details)
}

export interface Wait {
  /** In milliseconds. */
  timeout: number
  /** An executor had the request, as far as is known, or the call waited for its turn. */
  isTaken: boolean
  /** The last refusal, if it has not been taken since. */
  refusal: RequestError | undefined
  /** What a reply said that is none of an executor's. */
  strange: string | undefined
  /** Why nobody answers: the server or the executors. */
  missing: string
  /** Where replies come, if the connection is up. */
  inbox: string | undefined
}

export const noAnswer = (timeout: number, details: ErrorDetails, strange?: string) =>
  new TimeoutError(`no answer within ${Math.round(timeout) / 1000} s${strange ? ` (${strange})` : ''}`, details)

/** The timeout is over. */
export function timeoutError(
  { timeout, isTaken, refusal, strange, missing, inbox = '' }: Wait,
  details: ErrorDetails,
): RequestError {
  const after = `within ${Math.round(timeout) / 1000} s`
  if (isTaken) return noAnswer(timeout, details, strange ?? (details.executorId ? undefined : unheard(inbox)))
  if (refusal instanceof OverloadedError)
    return new OverloadedError(`no room in any backlog ${after}`, { ...details, cause: refusal })
  if (refusal) return new UnavailableError(`not computed ${after}: ${refusal.message}`, { ...details, cause: refusal })
  return new NoExecutorsError(missing, details)
}

/** What may be the matter if no executor has said anything of a request: they answer to no inboxes that they were not told of. */
function unheard(inbox: string): string | undefined {
  const prefix = unusualPrefix(inbox)
  return prefix && `no executor has said that it has the request: is ${prefix} among their --inbox-prefixes?`
}
