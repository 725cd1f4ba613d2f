// A log must not stop the work: what its reader does not take waits in a buffer of a fixed size, and the rest is counted.
import { fstatSync, writeSync } from 'node:fs'
import { openUnblocked } from './open-unblocked.js'

const BUFFER_BYTES = 1024 * 1024
const RETRY_MS = { least: 5, most: 250 }
/** How long the last lines may take at exit: without anything being taken, and in all. */
const EXIT_MS = { stalled: 100, most: 1000 }
const EXIT_LOOK_MS = 2

/** Writes lines, those of one moment together: a flood of them costs little then. */
export class LogWriter {
  readonly #fd: number
  /** The line that says how many others are missing. */
  readonly #note: (dropped: number) => string
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  #start = 0
  #end = 0
  #dropped = 0
  #isFlushing = false
  /** It is set as long as the reader does not take all. */
  #retry: NodeJS.Timeout | undefined
  #retryMs = RETRY_MS.least

  constructor(fd: number, note: (dropped: number) => string) {
    this.#fd = fd
    this.#note = note
  }

  readonly write = (line: string) => {
    // Once lines are missing, the rest waits until all before them are read: so they are missing in one place.
    if (this.#dropped > 0 || !this.#append(line)) this.#dropped++
    if (this.#isFlushing || this.#retry) return
    this.#isFlushing = true
    queueMicrotask(this.#flush)
  }

  /** Writes what it can without waiting; `stalled` if nothing was taken, `done` also if nothing will be taken soon. */
  send(): 'done' | 'stalled' | 'more' {
    clearTimeout(this.#retry)
    this.#retry = undefined
    let problem: string | undefined
    let written = 0
    try {
      if (this.#end > this.#start) written = writeSync(this.#fd, this.#buffer, this.#start, this.#end - this.#start)
    } catch (error) {
      // A full disk may get room, and a named pipe another reader: those are tried again, too.
      problem = (error as NodeJS.ErrnoException).code
    }
    this.#start += written
    if (this.#start === this.#end) return this.#emptied()
    this.#retryMs = written > 0 ? RETRY_MS.least : Math.min(RETRY_MS.most, this.#retryMs * 2)
    this.#retry = setTimeout(() => this.send(), this.#retryMs).unref()
    if (problem === undefined) return 'more'
    return problem === 'EAGAIN' ? 'stalled' : 'done'
  }

  #emptied() {
    this.#start = this.#end = 0
    this.#retryMs = RETRY_MS.least
    if (this.#dropped === 0) return 'done'
    const note = this.#note(this.#dropped)
    this.#dropped = 0
    this.write(note)
    return 'more'
  }

  readonly #flush = () => {
    this.#isFlushing = false
    if (!this.#retry) this.send()
  }

  /** Whether there was room for the line. */
  #append(line: string): boolean {
    const most = 3 * line.length + 1
    if (this.#end + most > BUFFER_BYTES) {
      if (!this.#retry) this.send()
      this.#buffer.copyWithin(0, this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
      if (this.#end + most > BUFFER_BYTES) return false
    }
    this.#end += this.#buffer.write(`${line}\n`, this.#end)
    return true
  }
}

/** Writers to the standard output and error, which are one if both go to the same place: the order of lines is kept. */
export function openLog(note: (dropped: number) => string): { out: LogWriter; err: LogWriter } {
  const [a, b] = [fstatSync(1), fstatSync(2)]
  const out = new LogWriter(openUnblocked(1), note)
  const err = a.dev === b.dev && a.ino === b.ino ? out : new LogWriter(openUnblocked(2), note)
  process.on('exit', () => finish(new Set([out, err])))
  return { out, err }
}

/** Nothing else runs any more: the last lines are written while somebody takes them. */
function finish(writers: Set<LogWriter>) {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  const most = performance.now() + EXIT_MS.most
  let until = performance.now() + EXIT_MS.stalled
  for (;;) {
    for (const writer of writers) {
      const state = writer.send()
      if (state === 'done') writers.delete(writer)
      else if (state === 'more') until = performance.now() + EXIT_MS.stalled
    }
    if (writers.size === 0 || performance.now() > Math.min(until, most)) return
    Atomics.wait(clock, 0, 0, EXIT_LOOK_MS)
  }
}
