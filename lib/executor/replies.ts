// Writes replies: a result, or an error by ADR-32.
import type { Job } from './job.js'
import type { Post } from './post.js'
import { BYTES_TYPE } from '../protocol/payload.js'
import { line } from '../protocol/raw-headers.js'
import { type Thrown, withoutStack } from '../protocol/thrown.js'
import { Code } from '../protocol/codes.js'
import { Header } from '../protocol/headers.js'

const NOTHING = new Uint8Array(0)
const LONGEST_TEXT = 500
/** All but single spaces. */
const WHITE_SPACE = /\s{2,}|[^\S ]/g
/** More than what our headers take, which count for `max_payload` too. */
const HEADERS_SIZE = 1024

export const tooLargeText = (bytes: number, most: number) =>
  `the result has ${bytes} bytes and the server's max_payload is ${most}`

export interface Answer {
  body: Uint8Array
  /** The headers. */
  lines: string
  /** Its code, if it is an error, else 0. */
  code: number
  /** The error that it says, if it is one. */
  error: string | undefined
}

export interface ReplyDetails {
  computeMs?: number
  retryAfterMs?: number | undefined
  /** What the function threw. */
  thrown?: Thrown | undefined
}

export class Replies {
  readonly #post: Post
  readonly #executorLine: string
  readonly #exposeStack: boolean
  /** `exposeStack`: clients get the stacks of what functions throw. */
  constructor(post: Post, executorId: string, exposeStack: boolean) {
    this.#post = post
    this.#exposeStack = exposeStack
    this.#executorLine = line(Header.executorId, executorId)
  }

  /** The answer that says a result, or the error that it is too large. */
  result(request: Job, body: Uint8Array, isBytes: boolean, computeMs: number): Answer {
    const most = this.#post.maxPayload
    if (body.byteLength + HEADERS_SIZE > most)
      return this.error(request, Code.tooLarge, tooLargeText(body.byteLength, most), { computeMs })
    const id = request.isNamed ? line(Header.requestId, request.id) : ''
    return {
      body,
      lines:
        id +
        this.#executorLine +
        (isBytes ? line(Header.contentType, BYTES_TYPE) : '') +
        line(Header.computeMs, computeMs.toFixed(3)),
      code: 0,
      error: undefined,
    }
  }

  error(request: Job, code: number, text: string, details?: ReplyDetails): Answer {
    return this.refusal(idOf(request), code, text, details)
  }

  /** The answer to what may not even be a request. */
  refusal(
    id: string | undefined,
    code: number,
    text: string,
    { computeMs, retryAfterMs, thrown }: ReplyDetails = {},
  ): Answer {
    const lines =
      (id === undefined ? '' : line(Header.requestId, id)) +
      this.#executorLine +
      line(Header.errorCode, code) +
      line(Header.error, text.slice(0, LONGEST_TEXT).replace(WHITE_SPACE, ' ').trim()) +
      (computeMs === undefined ? '' : line(Header.computeMs, computeMs.toFixed(3))) +
      (retryAfterMs === undefined ? '' : line(Header.retryAfterMs, Math.ceil(retryAfterMs)))
    return { body: thrown ? this.#thrownBody(thrown) : NOTHING, lines, code, error: text }
  }

  #thrownBody(thrown: Thrown): Uint8Array {
    const body = Buffer.from(JSON.stringify(this.#exposeStack ? thrown : withoutStack(thrown)))
    return body.byteLength + HEADERS_SIZE > this.#post.maxPayload ? NOTHING : body
  }
}

const idOf = (request: Job) => (request.isNamed ? request.id : undefined)
