// Headers of messages, as text: nats.js checks and encodes each one.
import { RawHeaders } from '../protocol/raw-headers.js'
import type { Msg, MsgHdrs } from './nats.js'
import { headText } from './nats-internals.js'

/** The headers of a message; undefined if it has none. */
export function headersOf(message: Msg): RawHeaders | undefined {
  const text = headText(message)
  return text === undefined ? undefined : new RawHeaders(text)
}

/** Whether it is what the server says when nobody is there for a subject, to whatever was named as the reply subject. */
export const isNoResponders = (message: Msg) => message.data.length === 0 && headersOf(message)?.code === 503

/** Of headers nats.js needs no more to publish a message. */
class EncodedHeaders {
  readonly #lines: string
  constructor(lines: string) {
    this.#lines = lines
  }
  encode(): Uint8Array {
    return Buffer.from(`NATS/1.0\r\n${this.#lines}\r\n`, 'utf8')
  }
}

/** Headers to publish: `lines` are `Name: value`, each with `\r\n` at its end and no other. */
export const encodeHeaders = (lines: string) => new EncodedHeaders(lines) as unknown as MsgHdrs
