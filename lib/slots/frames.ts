// What an executor and the process of a slot write to each other: frames, each a header and a body, on a pipe for each way.
//
//   bytes   header                                      bytes   header
//   0–3     length of the body                          12–15   `number`: of the request in this process
//   4–7     the slot's secret: what user code writes    16–19   `extra`
//           to our pipes does not have it               20–23   length of the id that the body begins with
//   8–11    kind                                        24–31   `time`, a double
//                                                       32–39   `until`, a double

export const Kind = {
  // To the process.
  /** The module and what else it must know; JSON. */
  init: 0,
  /**
   * A request: `extra` arguments if it is a batch, else 0; `time` is when it was sent, `until` its deadline. What it is
   * beside its argument stands with its id: see `request-line.ts`.
   */
  request: 1,
  /** The computation `number` is to end: its signal is aborted. */
  abort: 2,
  /** What has not started from `number` on, and was sent before `extra`, is taken back. */
  recall: 3,
  /** The process is to end in order. */
  end: 4,
  // From the process.
  /** The module is loaded; JSON of what it serves. */
  ready: 10,
  /** The result of `number`, JSON; `extra` arguments of its batch have failed; `time` in nanoseconds. */
  result: 11,
  /** The error of `number`: `extra` is its code; JSON of `{ text, thrown }`. */
  error: 12,
  /** The error of one argument of the batch `number`: `extra` is its index; JSON of `{ code, text, thrown }`. */
  argumentError: 13,
  /** The answer to `recall`: from `number` on and before `extra` nothing will be computed here. */
  recalled: 14,
  /** The answer to `abort`: the process is not blocked. */
  aborted: 15,
  /** User code has written text to the stream `extra` (1 or 2), on behalf of the id. */
  output: 16,
  /** User code has thrown where nobody could catch it, or left a rejection unhandled; `number` whose it was. */
  stray: 17,
  /** User code ends the process, on behalf of `number`. */
  exit: 18,
  /** The result of `number`, bytes as they are. */
  bytes: 20,
  /** How far `number` is; JSON. */
  progress: 21,
  /** A file was loaded that the module imports, or the module itself; its path. */
  imported: 22,
  /** Among the words: `extra` more bytes of results are there. */
  told: 23,
  /** Made by the reader: bytes that are no frame were skipped here. */
  garbage: 19,
} as const

/** A computation that has taken this long, in milliseconds, is long: what waits behind it is taken back. */
export const LONG_MS = 2

/** `number` where there is no request. */
export const NOBODY = 0xffffffff

export interface Frame {
  kind: number
  number: number
  extra: number
  time: number
  until: number
  id: string
  body: Buffer
}

export const GARBAGE: Frame = {
  kind: Kind.garbage,
  number: NOBODY,
  extra: 0,
  time: 0,
  until: 0,
  id: '',
  body: Buffer.alloc(0),
}
const HEADER = 40
/** A body is no larger than a message of NATS can be. */
const MAX_BODY = 2 ** 27
const USUAL = 2 ** 15
/** A body of so many bytes is not copied into what is written, and gets a buffer of its own where it is read. */
const LARGE = 2 ** 14

/** Puts frames one behind the other. */
export class FrameWriter {
  readonly #secret: number
  #bytes = Buffer.allocUnsafe(USUAL)
  /** What was added lies in #parts and then in #bytes, between these two. */
  #parts: Uint8Array[] = []
  #from = 0
  #to = 0
  constructor(secret: number) {
    this.#secret = secret
  }

  /** A large `body` must stay as it is until it is written. */
  add(kind: number, number = NOBODY, extra = 0, body: string | Uint8Array = '', id = '', time = 0, until = 0) {
    if (typeof body === 'string' && body.length >= LARGE) body = Buffer.from(body)
    const isLarge = body.length >= LARGE
    const room = isLarge ? 0 : typeof body === 'string' ? body.length * 3 : body.length
    this.#makeRoom(HEADER + id.length + room)
    const bytes = this.#bytes
    const from = this.#to
    let to = from + HEADER + bytes.write(id, from + HEADER, 'latin1')
    if (typeof body === 'string') to += bytes.write(body, to)
    else if (!isLarge) {
      bytes.set(body, to)
      to += body.length
    }
    bytes.writeUInt32LE(to - from - HEADER + (isLarge ? body.length : 0), from)
    bytes.writeUInt32LE(this.#secret, from + 4)
    bytes.writeUInt32LE(kind, from + 8)
    bytes.writeUInt32LE(number, from + 12)
    bytes.writeUInt32LE(extra, from + 16)
    bytes.writeUInt32LE(id.length, from + 20)
    bytes.writeDoubleLE(time, from + 24)
    bytes.writeDoubleLE(until, from + 32)
    this.#to = to
    if (!isLarge) return
    this.#endPart()
    this.#parts.push(body as Uint8Array)
  }

  /** Takes out all that was added, in parts. */
  take(): Uint8Array[] {
    if (this.#to > this.#from) this.#endPart()
    const parts = this.#parts
    this.#parts = []
    return parts
  }

  #endPart() {
    this.#parts.push(this.#bytes.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  #makeRoom(needed: number) {
    if (this.#to + needed <= this.#bytes.length) return
    // The one before belongs to whoever has taken the parts.
    const length = this.#to - this.#from
    const bytes = Buffer.allocUnsafe(Math.max(USUAL, 2 * (length + needed)))
    this.#bytes.copy(bytes, 0, this.#from, this.#to)
    this.#bytes = bytes
    this.#from = 0
    this.#to = length
  }
}

/** Puts what comes through a pipe together again. */
export class FrameReader {
  readonly #secret: number
  readonly #secretBytes = Buffer.alloc(4)
  /** The beginning of a frame. */
  #rest: Buffer = Buffer.alloc(0)
  /** A frame with a large body, of which so many bytes are there. */
  #large: Frame | undefined
  #filled = 0

  constructor(secret: number) {
    this.#secret = secret
    this.#secretBytes.writeUInt32LE(secret)
  }

  /**
   * The frames that are whole now; nothing of `chunk` is kept. Bytes of user code, which does not know the secret, are skipped:
   * what our code has written before and after them counts.
   */
  read(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    let at = this.#fill(chunk, 0, frames)
    if (at === chunk.length) return frames
    let isOwn = this.#rest.length > 0
    let bytes = isOwn ? Buffer.concat([this.#rest, chunk.subarray(at)]) : chunk
    if (isOwn) at = 0
    while (bytes.length - at >= HEADER) {
      const length = bytes.readUInt32LE(at)
      if (bytes.readUInt32LE(at + 4) !== this.#secret || length > MAX_BODY) {
        frames.push(GARBAGE)
        const next = bytes.indexOf(this.#secretBytes, at + 5)
        at = next < 0 ? bytes.length - 7 : next - 4
        continue
      }
      const idLength = bytes.readUInt32LE(at + 20)
      const isLarge = length - idLength >= LARGE
      const from = at + HEADER + idLength
      const end = at + HEADER + length
      if (bytes.length < (isLarge ? from : end)) break
      if (!isLarge && !isOwn) {
        isOwn = true
        bytes = Buffer.from(bytes.subarray(at))
        at = 0
        continue
      }
      const frame = {
        kind: bytes.readUInt32LE(at + 8),
        number: bytes.readUInt32LE(at + 12),
        extra: bytes.readUInt32LE(at + 16),
        time: bytes.readDoubleLE(at + 24),
        until: bytes.readDoubleLE(at + 32),
        id: idLength === 0 ? '' : bytes.toString('latin1', at + HEADER, from),
        body: isLarge ? Buffer.allocUnsafeSlow(end - from) : bytes.subarray(from, end),
      }
      if (isLarge) {
        this.#large = frame
        at = this.#fill(bytes, from, frames)
      } else {
        frames.push(frame)
        at = end
      }
    }
    this.#rest = isOwn ? bytes.subarray(at) : Buffer.from(bytes.subarray(at))
    return frames
  }

  /** Puts into the large body, if there is one to come, what is there of it from `at` on; where it ends. */
  #fill(bytes: Buffer, at: number, frames: Frame[]): number {
    if (!this.#large) return at
    const { body } = this.#large
    const copied = bytes.copy(body, this.#filled, at)
    this.#filled += copied
    if (this.#filled === body.length) {
      frames.push(this.#large)
      this.#large = undefined
      this.#filled = 0
    }
    return at + copied
  }
}

const { hrtime } = process

/** Milliseconds on the clock that all processes of a machine share. */
export function sharedNow() {
  const [seconds, nanoseconds] = hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}
