// A queue of small messages in shared memory, from one thread to one other. A request travels into its slot and its
// result back without being cloned, and results can be read while the thread is busy with the next computation.
//
// An entry is 16 bytes (length, kind, a number), its bytes, and padding to 8. The writer's and the reader's positions
// count bytes and wrap at 2^32. An entry never wraps around the end: a length of -1 sends the reader to the start.
// WINDOW entries always fit; a writer that may have more unread asks whether there is room.

/** That many unread entries always fit. */
export const WINDOW = 128
/** The most bytes of one entry; what is larger goes beside the ring. */
export const INLINE = 1024
const HEADER = 16
const CAPACITY = 2 ** 18 // more than WINDOW + 1 of the longest entries
const NOTHING = new Uint8Array(0)
const WRITTEN = 0
const READ = 1

export const newRing = () => new SharedArrayBuffer(8 + CAPACITY)

class Ring {
  protected readonly positions: Int32Array
  protected readonly words: Int32Array
  protected readonly numbers: Float64Array
  protected readonly bytes: Buffer
  protected position: number
  constructor(memory: SharedArrayBuffer, which: number) {
    this.positions = new Int32Array(memory, 0, 2)
    this.words = new Int32Array(memory, 8)
    this.numbers = new Float64Array(memory, 8)
    this.bytes = Buffer.from(memory, 8)
    this.position = Atomics.load(this.positions, which)
  }
}

export class RingWriter extends Ring {
  constructor(memory: SharedArrayBuffer) {
    super(memory, WRITTEN)
  }

  /** Whether there is room for an entry of any length. */
  get hasRoom() {
    const unread = (this.position - Atomics.load(this.positions, READ)) >>> 0
    return unread + 2 * (HEADER + INLINE) <= CAPACITY
  }

  /** Appends an entry of text, of which no more than INLINE bytes are taken, and of bytes; there is room for INLINE of both. */
  write(kind: number, number: number, text: string, bytes: Uint8Array = NOTHING) {
    let at = this.position & (CAPACITY - 1)
    if (CAPACITY - at < HEADER + INLINE) {
      this.words[at >> 2] = -1
      this.position = (this.position + CAPACITY - at) | 0
      at = 0
    }
    const from = at + HEADER
    const written = this.bytes.write(text, from, INLINE)
    this.bytes.set(bytes, from + written)
    const length = written + bytes.length
    this.words[at >> 2] = length
    this.words[(at >> 2) + 1] = kind
    this.numbers[(at >> 3) + 1] = number
    this.position = (this.position + HEADER + ((length + 7) & ~7)) | 0
    Atomics.store(this.positions, WRITTEN, this.position)
  }
}

export class RingReader extends Ring {
  /** Of the entry that `next` went to. */
  kind = 0
  number = 0
  #from = 0
  #to = 0
  constructor(memory: SharedArrayBuffer) {
    super(memory, READ)
  }

  /** Goes to the next entry, if there is one; its bytes are there until `next` is called again. */
  next(): boolean {
    Atomics.store(this.positions, READ, this.position)
    if (this.empty) return false
    let at = this.position & (CAPACITY - 1)
    if (this.words[at >> 2] === -1) {
      this.position = (this.position + CAPACITY - at) | 0
      at = 0
    }
    const length = this.words[at >> 2]!
    this.kind = this.words[(at >> 2) + 1]!
    this.number = this.numbers[(at >> 3) + 1]!
    this.#from = at + HEADER
    this.#to = at + HEADER + length
    this.position = (this.position + HEADER + ((length + 7) & ~7)) | 0
    return true
  }

  get empty() {
    return Atomics.load(this.positions, WRITTEN) === this.position
  }

  text(skip = 0) {
    return this.bytes.toString('utf8', this.#from + skip, this.#to)
  }

  /** The first `length` bytes as Latin-1 text. */
  prefix(length: number) {
    return this.bytes.toString('latin1', this.#from, this.#from + length)
  }

  copy(): Uint8Array {
    const length = this.#to - this.#from
    const copy = Buffer.allocUnsafe(length)
    this.bytes.copy(copy, 0, this.#from, this.#to)
    return copy
  }
}
