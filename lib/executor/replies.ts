// Writes replies: a result, or an error by ADR-32.
import type { MsgHdrs, NatsConnection } from '../nats/nats.js'
import { isOpen } from '../nats/connection.js'
import type { Job } from './job.js'
import { line } from '../protocol/raw-headers.js'
import { encodeHeaders } from '../nats/headers.js'
import { Code } from '../protocol/codes.js'
import { Header } from '../protocol/headers.js'

const NOTHING = new Uint8Array(0)
const LONGEST_TEXT = 500
/** All but single spaces. */
const WHITE_SPACE = /\s{2,}|[^\S ]/g
/** More than what our headers take, which count for `max_payload` too. */
const HEADERS_SIZE = 1024

export interface Answer {
  body: Uint8Array
  headers: MsgHdrs
  /** The error that it says, if it is one. */
  error: string | undefined
}

export class Replies {
  readonly #nc: NatsConnection
  readonly executorId: string
  readonly #executorLine: string
  constructor(nc: NatsConnection, executorId: string) {
    this.#nc = nc
    this.executorId = executorId
    this.#executorLine = line(Header.executorId, executorId)
  }

  /** The answer that says a result, or the error that it is too large. */
  result(request: Job, body: Uint8Array, computeMs: number): Answer {
    const most = this.#nc.info?.max_payload ?? Infinity
    if (body.byteLength + HEADERS_SIZE > most) {
      const text = `the result has ${body.byteLength} bytes and the server's max_payload is ${most}`
      return this.error(request, Code.tooLarge, text, computeMs)
    }
    const id = request.isNamed ? line(Header.requestId, request.id) : ''
    const headers = encodeHeaders(id + this.#executorLine + line(Header.computeMs, computeMs.toFixed(3)))
    return { body, headers, error: undefined }
  }

  error(request: Job, code: number, text: string, computeMs?: number, retryAfterMs?: number): Answer {
    return this.refusal(idOf(request), code, text, computeMs, retryAfterMs)
  }

  /** The answer to what may not even be a request. */
  refusal(id: string | undefined, code: number, text: string, computeMs?: number, retryAfterMs?: number): Answer {
    const lines =
      (id === undefined ? '' : line(Header.requestId, id)) +
      this.#executorLine +
      line(Header.errorCode, code) +
      line(Header.error, text.slice(0, LONGEST_TEXT).replace(WHITE_SPACE, ' ').trim()) +
      (computeMs === undefined ? '' : line(Header.computeMs, computeMs.toFixed(3))) +
      (retryAfterMs === undefined ? '' : line(Header.retryAfterMs, Math.ceil(retryAfterMs)))
    return { body: NOTHING, headers: encodeHeaders(lines), error: text }
  }

  /** Sends an answer; `reply` hears of it when there is nobody to take it. */
  send(replyTo: string[], { body, headers }: Answer, reply?: string) {
    if (!isOpen(this.#nc)) return
    const options = reply === undefined ? { headers } : { headers, reply }
    for (const inbox of replyTo) this.#nc.publish(inbox, body, options)
  }
}

const idOf = (request: Job) => (request.isNamed ? request.id : undefined)
