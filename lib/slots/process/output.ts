// What user code prints: it leaves at once, before the code goes on, with the id of the request that it belongs to.
import { StringDecoder } from 'node:string_decoder'
import { Writable } from 'node:stream'
import { Kind, NOBODY } from '../frames.js'
import { sendNow } from './pipes.js'

/** In characters. */
const PIECE = 2 ** 20

class Output extends Writable {
  readonly fd: number
  readonly #idOf: () => string
  readonly #decoder = new StringDecoder()
  constructor(fd: number, idOf: () => string) {
    super({ decodeStrings: false, emitClose: false, autoDestroy: false })
    this.fd = fd
    this.#idOf = idOf
  }
  override _write(chunk: string | Buffer, encoding: BufferEncoding, done: () => void) {
    const isString = typeof chunk === 'string'
    const isText = isString && encoding === 'utf8'
    const text = isText ? chunk : this.#decoder.write(isString ? Buffer.from(chunk, encoding) : chunk)
    const id = this.#idOf()
    for (let at = 0; at < text.length; at += PIECE)
      sendNow(Kind.output, NOBODY, this.fd, text.slice(at, at + PIECE), id)
    done()
  }
  /** Whoever ends it, as `pipeline` does, or destroys it, does so for nobody else in this process: it is never closed. */
  override end(...given: any[]) {
    const done = typeof given.at(-1) === 'function' ? given.pop() : undefined
    if (given[0] !== undefined && given[0] !== null) this.write(given[0], given[1])
    process.nextTick(() => {
      this.emit('finish')
      done?.()
    })
    return this
  }
  override destroy() {
    return this
  }
}

/** Takes the place of the standard streams; `idOf` tells on whose behalf code runs now. */
export function captureOutput(idOf: () => string) {
  for (const [name, fd] of [
    ['stdout', 1],
    ['stderr', 2],
  ] as const)
    Object.defineProperty(process, name, { value: new Output(fd, idOf), configurable: true, writable: true })
}
