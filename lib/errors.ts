// What a call can reject with. An error crosses the wire as two ADR-32 headers; `remoteError` rebuilds it.
import { Code } from './protocol/codes.js'
import { type Thrown, rebuildThrown } from './protocol/thrown.js'

export interface ErrorDetails {
  /** The request's id, where there is one. */
  requestId?: string | undefined
  /** The id of the executor that answered, where one did. */
  executorId?: string | undefined
  /** How often the request was sent to an executor. */
  attempts?: number | undefined
  /** How often it was lost there. */
  losses?: number | undefined
  cause?: unknown
  /** What the function threw, where it did. */
  thrown?: Thrown | undefined
}

/** The base of all errors that a call rejects with; `code` is one of the protocol's codes. */
export class RequestError extends Error {
  readonly code: number
  readonly requestId: string | undefined
  readonly executorId: string | undefined
  /** How often the request was sent to an executor, as far as the client knows. */
  readonly attempts: number | undefined
  /** How often it was lost there. */
  readonly losses: number | undefined
  /** The own properties of what the function threw, as far as JSON can say them; of a refused argument, its `issues`. */
  readonly details: Readonly<Record<string, unknown>> | undefined
  constructor(code: number, message: string, details: ErrorDetails = {}) {
    const { requestId, executorId, attempts, losses, thrown, cause = thrown && rebuildThrown(thrown) } = details
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.requestId = requestId
    this.executorId = executorId
    this.attempts = attempts
    this.losses = losses
    this.details = thrown?.details
  }
}

const withCode = (code: number): new (message: string, details?: ErrorDetails) => RequestError =>
  class extends RequestError {
    constructor(message: string, details?: ErrorDetails) {
      super(code, message, details)
    }
  }

/** 400: the argument is not one that the function takes. A function throws it to refuse its argument. */
export class InvalidArgumentError extends withCode(Code.invalid) {}

/** 404: the service has no such function; the message says which there are. */
export class UnknownFunctionError extends withCode(Code.notFound) {}

/** 408: the executor ended the computation, because of the request's deadline or its own time limit. */
export class DeadlineExceededError extends withCode(Code.deadline) {}

/** The client's timeout passed; an executor had the request, as far as NATS knows. */
export class TimeoutError extends withCode(Code.deadline) {}

/** The client's timeout passed and nobody was there: no server, or no executor on the subject. */
export class NoExecutorsError extends withCode(Code.unavailable) {}

/** 413: the result is larger than the server's `max_payload`; or the argument is. */
export class TooLargeError extends withCode(Code.tooLarge) {}

/** 429, until the timeout: the executors' backlogs were full. */
export class OverloadedError extends withCode(Code.overloaded) {}

/** 499: the call's signal was aborted (`cause` is its reason), or its client was closed. */
export class CancelledError extends withCode(Code.cancelled) {}

/** 500: the function threw, or its process died. */
export class ExecutionError extends withCode(Code.failed) {}

/**
 * 503: the request could not be sent, as without the server's permission; the executors were stopping, or interrupted it, until the
 * timeout; or no slot works any more (`runLocally`).
 */
export class UnavailableError extends withCode(Code.unavailable) {}

/** The server refuses the connection, or the connection was closed: what trying again would not change. */
export class ConnectionError extends withCode(Code.unavailable) {}

export const connectionRefused = (servers: string, cause: Error) =>
  new ConnectionError(`${servers} refuses the connection: ${cause.message}`, { cause })

/** 502: the reply is not JSON, or an error with an unknown code. */
export class ProtocolError extends withCode(502) {}

/** The request was lost with its executor more often than `retries` allows to send it again. */
export class RequestLostError extends withCode(Code.unavailable) {}

/** 500: executors died while they computed the request, again and again; it is not sent to another one. */
export class ExecutorDiedError extends withCode(Code.failed) {}

const ALL = {
  RequestError,
  InvalidArgumentError,
  UnknownFunctionError,
  DeadlineExceededError,
  TimeoutError,
  NoExecutorsError,
  TooLargeError,
  OverloadedError,
  CancelledError,
  ExecutionError,
  UnavailableError,
  ConnectionError,
  ProtocolError,
  RequestLostError,
  ExecutorDiedError,
}
// A bundler that minifies gives classes other names, not properties.
for (const [name, Class] of Object.entries(ALL))
  Object.defineProperty(Class, 'name', { value: name, configurable: true })

const BY_CODE = new Map([
  [Code.invalid, InvalidArgumentError],
  [Code.notFound, UnknownFunctionError],
  [Code.deadline, DeadlineExceededError],
  [Code.tooLarge, TooLargeError],
  [Code.overloaded, OverloadedError],
  [Code.cancelled, CancelledError],
  [Code.failed, ExecutionError],
  [Code.unavailable, UnavailableError],
] as const)

/** The name of the class that a code stands for. */
export const errorName = (code: number): string => BY_CODE.get(code as never)?.name ?? 'RequestError'

/** The error that a reply's code and text stand for. */
export function remoteError(code: number, text: string, details: ErrorDetails): RequestError {
  const Class = BY_CODE.get(code as never)
  return Class ? new Class(text, details) : new ProtocolError(`unknown error code ${code}: ${text}`, details)
}
