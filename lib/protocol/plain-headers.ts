// Headers whose names and values are known to be right: written as text, where `MsgHdrs` checks and encodes each one.
import type { MsgHdrs } from 'nats'

/** Of headers nats.js needs no more to publish a message. */
class PlainHeaders {
  readonly #lines: string
  constructor(lines: string) {
    this.#lines = lines
  }
  encode(): Uint8Array {
    return Buffer.from(`NATS/1.0\r\n${this.#lines}\r\n`, 'utf8')
  }
}

/** Headers to publish: `lines` are `Name: value`, each with `\r\n` at its end and no other. */
export const plainHeaders = (lines: string) => new PlainHeaders(lines) as unknown as MsgHdrs

export const line = (name: string, value: string | number) => `${name}: ${value}\r\n`
