// The head of a message, its status and its headers, read only as far as they are asked for. nats.js takes each header apart
// and checks it: a third of an executor's garbage, and for a megabyte of them it takes minutes.
import type { Msg } from 'nats'
import { headText } from '../nats/nats-internals.js'

const VERSION = 'NATS/1.0'
const END = '\r\n'

/** The head of a message; undefined if it has none. */
export function headOf(message: Msg): Head | undefined {
  const text = headText(message)
  return text === undefined ? undefined : new Head(text)
}

export class Head {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }

  /** How many characters it has. */
  get length() {
    return this.#text.length
  }

  /** The status: 503 is the server's "no responders"; 0 if there is none. */
  get code() {
    return this.#text.startsWith(VERSION) ? parseInt(this.#text.slice(VERSION.length), 10) || 0 : 0
  }

  /** The first value of a header, without white space around it; undefined if there is no such header. */
  get(name: string): string | undefined {
    const text = this.#text
    for (let at = 0; (at = text.indexOf(name, at)) >= 0; at += name.length) {
      const colon = at + name.length
      if (text[colon] !== ':' || !text.startsWith(END, at - END.length)) continue
      const end = text.indexOf(END, colon)
      return text.slice(colon + (text[colon + 1] === ' ' ? 2 : 1), end < 0 ? undefined : end).trim()
    }
    return undefined
  }
}
