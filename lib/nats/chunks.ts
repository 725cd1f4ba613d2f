// Feeds the parser of nats.js with what a socket brings. A message that does not come whole is gathered in a buffer of its size; the
// parser by itself would copy its beginning, and again whenever what it has copied to is full.
//
// Of a chunk nothing is kept but by messages that lie whole in it. `isOwn`: it stays as it is for them; else they get a copy.
import type { Parser } from './nats-internals.js'

/** What a server says of a longer message than there can be is not believed before it is there. */
const LONGEST = 2 ** 27
/** Of so many bytes, or more, the beginning of a message is looked at. */
const LARGE = 2 ** 13
const LINE_END = '\r\n'
/** The longest first line of a message that is looked for. */
const LONGEST_LINE = 4096
const [LF, M, H] = [10, 77, 72]

export class Chunks {
  readonly #parser: Parser

  constructor(parser: Parser) {
    this.#parser = parser
  }

  /** @throws if it is not the protocol */
  read(chunk: Buffer, isOwn: boolean) {
    for (let at = 0; at < chunk.length;) {
      const rest = at === 0 ? chunk : chunk.subarray(at)
      const missing = this.#missing
      const line = missing > 0 ? 0 : this.#lineOfPart(rest)
      if (missing > 0) at += this.#parse(rest.subarray(0, missing))
      else if (line > 0) at += this.#parse(rest.subarray(0, line))
      else at += this.#parse(isOwn ? rest : Buffer.from(rest))
    }
  }

  #parse(bytes: Buffer): number {
    const parser = this.#parser
    parser.parse(bytes)
    const { msgBuf, ma } = parser
    if (msgBuf && !(msgBuf instanceof Gathering) && ma.size <= LONGEST)
      parser.msgBuf = new Gathering(msgBuf.bytes({ copy: false }), ma.size)
    return bytes.length
  }

  /** How many bytes the message that is gathered lacks, with the end of its line. */
  get #missing() {
    const { msgBuf, ma } = this.#parser
    return msgBuf instanceof Gathering ? ma.size - msgBuf.length + LINE_END.length : 0
  }

  /** The length of the first line if a message begins here that is not here whole; else 0. */
  #lineOfPart(rest: Buffer): number {
    if (this.#parser.state !== 0 || rest.length < LARGE || (rest[0] !== M && rest[0] !== H)) return 0
    const line = rest.subarray(0, LONGEST_LINE).indexOf(LF) + 1
    if (line === 0) return 0
    const size = Number(rest.toString('latin1', rest.lastIndexOf(' ', line - LINE_END.length) + 1, line))
    return line + size + LINE_END.length > rest.length ? line : 0
  }
}

/** A message that has come in part; what `Parser.msgBuf` is there. */
class Gathering {
  length: number
  readonly #bytes: Buffer

  constructor(beginning: Uint8Array, size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(size)
    this.#bytes.set(beginning)
    this.length = beginning.length
  }

  write(bytes: Uint8Array) {
    this.#bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  writeByte(byte: number) {
    this.#bytes[this.length++] = byte
  }

  bytes() {
    return this.#bytes
  }
}
