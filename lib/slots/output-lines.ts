// Makes lines of what user code prints, each with the id of the request that it belongs to.
import { StringDecoder } from 'node:string_decoder'
import type { Output } from './task.js'

/** A line is cut there, in characters. */
const LONGEST_LINE = 2 ** 16

/** Both standard streams of a process. */
export class OutputStreams {
  readonly #lines: Record<Output['stream'], OutputLines>

  constructor(tell: (output: Output) => void) {
    this.#lines = { stdout: new OutputLines('stdout', tell), stderr: new OutputLines('stderr', tell) }
  }

  write(stream: Output['stream'], chunk: Buffer, requestId: string | undefined) {
    this.#lines[stream].write(chunk, requestId)
  }

  end() {
    this.#lines.stdout.end()
    this.#lines.stderr.end()
  }
}

class OutputLines {
  readonly #stream: Output['stream']
  readonly #tell: (output: Output) => void
  readonly #decoder = new StringDecoder()
  #partial = ''
  #id: string | undefined

  constructor(stream: Output['stream'], tell: (output: Output) => void) {
    this.#stream = stream
    this.#tell = tell
  }

  write(chunk: Buffer, requestId: string | undefined) {
    if (requestId !== this.#id) this.end()
    this.#id = requestId
    const lines = (this.#partial + this.#decoder.write(chunk)).split('\n')
    this.#partial = lines.pop()!
    for (const line of lines) this.#line(line)
    if (this.#partial.length > LONGEST_LINE) this.end()
  }

  /** Nothing more comes for the line that is under way. */
  end() {
    if (this.#partial !== '') this.#line(this.#partial)
    this.#partial = ''
  }

  #line(line: string) {
    this.#tell({ requestId: this.#id, stream: this.#stream, line: line.endsWith('\r') ? line.slice(0, -1) : line })
  }
}
