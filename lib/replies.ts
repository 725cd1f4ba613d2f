// Writes replies: a result, or an error by ADR-32.
import { type MsgHdrs, type NatsConnection, headers } from 'nats'
import type { HeldRequest } from './held-request.js'
import { Code, Header } from './protocol.js'

const NOTHING = new Uint8Array(0)
const LONGEST_TEXT = 500

export class Replies {
  readonly #nc: NatsConnection
  readonly #executorId: string
  constructor(nc: NatsConnection, executorId: string) {
    this.#nc = nc
    this.#executorId = executorId
  }

  /** Answers with a result; returns the error that it had to send instead, if any. */
  result(request: HeldRequest, body: Uint8Array, computeMs: number): string | undefined {
    const most = this.#nc.info?.max_payload ?? Infinity
    const head = this.#head(request.named ? request.id : undefined)
    head.set(Header.computeMs, computeMs.toFixed(3))
    // The headers count too; 512 bytes are more than ours take.
    if (body.byteLength + 512 > most) {
      const text = `the result has ${body.byteLength} bytes and the server's max_payload is ${most}`
      this.error(request, Code.tooLarge, text, computeMs)
      return text
    }
    this.#publish(request.replyTo, body, head)
    return undefined
  }

  error(request: HeldRequest, code: number, text: string, computeMs?: number, retryAfterMs?: number) {
    this.refuse(request.replyTo, request.named ? request.id : undefined, code, text, computeMs, retryAfterMs)
  }

  /** Answers what may not even be a request. */
  refuse(replyTo: string[], id: string | undefined, code: number, text: string, computeMs?: number, retryAfterMs?: number) {
    const head = this.#head(id)
    head.set(Header.errorCode, String(code))
    head.set(Header.error, text.replace(/\s+/g, ' ').slice(0, LONGEST_TEXT))
    if (computeMs !== undefined) head.set(Header.computeMs, computeMs.toFixed(3))
    if (retryAfterMs !== undefined) head.set(Header.retryAfterMs, String(Math.ceil(retryAfterMs)))
    this.#publish(replyTo, NOTHING, head)
  }

  #head(id: string | undefined): MsgHdrs {
    const head = headers()
    if (id !== undefined) head.set(Header.requestId, id)
    head.set(Header.executorId, this.#executorId)
    return head
  }

  #publish(replyTo: string[], body: Uint8Array, head: MsgHdrs) {
    // A connection that was closed for good takes nothing; there is nobody left to tell.
    if (this.#nc.isClosed()) return
    for (const inbox of replyTo) this.#nc.publish(inbox, body, { headers: head })
  }
}
