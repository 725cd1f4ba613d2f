// The headers of a message as they are on the wire, read only as far as they are asked for, and written as text. nats.js takes
// each header apart and checks it: a third of an executor's garbage, and for a megabyte of them it takes minutes.

const VERSION = 'NATS/1.0'
const END = '\r\n'
/** In V8 a part of a text keeps all of it; of a longer one than this, parts that may be kept for minutes are copied. */
const SHORT = 512

export class RawHeaders {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }

  /** How many characters they have. */
  get length() {
    return this.#text.length
  }

  /** Whether there are more of them; lines without a name count, too. */
  isMoreThan(most: number) {
    const text = this.#text
    // Of each there is a colon and an end at least.
    if (text.length < most * 3) return false
    let count = 0
    for (let at = 0; (at = text.indexOf(END, at) + END.length) >= END.length;) if (++count > most + 2) return true
    return false
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
      const value = text.slice(colon + (text[colon + 1] === ' ' ? 2 : 1), end < 0 ? undefined : end).trim()
      return text.length > SHORT ? Buffer.from(value).toString() : value
    }
    return undefined
  }

  /** Those whose name is wanted, the last one of each name; undefined if there are none. */
  filter(isWanted: (name: string) => boolean): UserHeaders | undefined {
    const text = this.#text
    let found: Record<string, string> | undefined
    for (let at = text.indexOf(END) + END.length; at >= END.length;) {
      const end = text.indexOf(END, at)
      const colon = text.indexOf(':', at)
      if (end < 0 || colon < 0) break
      if (colon < end) {
        const name = text.slice(at, colon)
        if (isWanted(name)) (found ??= {})[name] = text.slice(colon + 1, end).trim()
      }
      at = end + END.length
    }
    return found
  }
}

/** Headers of a user's, by their names. */
export type UserHeaders = Readonly<Record<string, string>>

/** Headers of a user's as text. */
export const userLines = (headers: UserHeaders) =>
  Object.entries(headers)
    .map(([name, value]) => line(name, value))
    .join('')

const sizes = new WeakMap<UserHeaders, number>()

/** How many bytes that text has. It is asked again and again while a request waits, and there may be thousands of them. */
export function userBytes(headers: UserHeaders): number {
  let size = sizes.get(headers)
  if (size === undefined) sizes.set(headers, (size = Buffer.byteLength(userLines(headers))))
  return size
}

/** One header as text; its name and value are known to be right. */
export const line = (name: string, value: string | number) => `${name}: ${value}${END}`
