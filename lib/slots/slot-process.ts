// The process of a slot and the pipes to it: what is posted to it in one turn leaves in one write; what it tells comes as frames.
//
// Results lie in a pipe that the event loop does not watch, since to be woken for each of them would cost more than most
// computations. A second pipe, of words, tells how many bytes there are, not for each result; what was not told can be read all the
// same, before something is decided, and when the process has ended. What is told by itself comes among the words, in its order.
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { readSync, writeSync, writevSync } from 'node:fs'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { deathText, unstartedText } from './death.js'
import { descriptorOf, leaveUnread, readInto } from '../node-internals.js'
import { type Frame, FrameReader, FrameWriter, GARBAGE, Kind } from './frames.js'
import { PREAMBLE, type Setup } from './process/setup.js'
import { forget, watchOver } from './reaper.js'
import { processorWaitMs } from './processor-wait.js'
import { spawnProcess } from './spawn-process.js'

const MAIN = fileURLToPath(new URL('process/main.js', import.meta.url))
const SCRATCH = Buffer.allocUnsafe(2 ** 16)
const WORDS_BUFFER = Buffer.allocUnsafe(2 ** 16)
/** As much of what the process has written to its standard error is kept as tells why it ended. */
const LAST_WORDS = 8192
const STDIO: StdioOptions & string[] = ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe']
/** Why it is ended then. */
export const CLOSED = 'the function closed the pipes of its slot'
/** A process has ended so long after its pipes. */
const EXIT_MS = 100
const NOTHING = Buffer.alloc(0)
const NOW = Promise.resolve()

export interface ProcessOptions extends Setup {
  /** The largest heap of V8's, in MiB. */
  memoryLimit: number
  execArgv: readonly string[]
}

export interface ProcessOwner {
  heard(frames: Frame[]): void
  /** The process, or what it started, wrote to a standard stream past `process.stdout` and `process.stderr`. */
  printed(stream: 'stdout' | 'stderr', chunk: Buffer): void
  ended(why: string): void
}

export class SlotProcess {
  /** The function has been loaded. */
  hasLoaded = false
  /** Why it is ended, if it is by us. */
  killedFor: string | undefined
  /** What is heard now is its last. */
  hasExited = false
  readonly #owner: ProcessOwner
  readonly #memoryLimit: number
  readonly #child: ChildProcess
  readonly #pipes: (Socket | null)[]
  readonly #writer: FrameWriter
  readonly #requests: Socket
  /** `early`: what was read before it was told of, for a moment. */
  readonly #results: { pipe: Socket; reader: FrameReader; told: number; read: number; early: Buffer }
  readonly #words: { pipe: Socket; reader: FrameReader }
  #isPosting = false
  #hasEnded = false
  #lastWords = ''

  constructor({ memoryLimit, execArgv, ...setup }: ProcessOptions, owner: ProcessOwner) {
    this.#owner = owner
    this.#memoryLimit = memoryLimit
    const secret = randomInt(2 ** 32)
    this.#writer = new FrameWriter(secret)
    // A group of its own: what it starts ends with it, and Ctrl-C of a terminal does not reach it.
    const child = spawnProcess(process.execPath, [...execArgv, `--max-old-space-size=${memoryLimit}`, MAIN], {
      detached: true,
      stdio: STDIO,
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NATS_'))),
    })
    this.#child = child
    // Node makes no pipes where there is no descriptor left for them; sockets without one tell nothing.
    const made = child.stdio as unknown as (Socket | null)[] | undefined
    this.#pipes = made ?? Array.from({ length: STDIO.length }, () => new Socket())
    const [, stdout, stderr, requests, results, words] = this.#pipes as Socket[]
    this.#requests = requests!
    this.#results = { pipe: results!, reader: new FrameReader(secret), told: 0, read: 0, early: NOTHING }
    this.#words = { pipe: words!, reader: new FrameReader(secret) }
    for (const stream of this.#pipes) stream?.on('error', () => {}).unref()
    // What user code writes there is nothing to us, but that it closes it is; or the process has ended.
    const end = () => this.#hasEnded || this.kill(CLOSED)
    // After the poll phase: a timer comes before what has happened meanwhile is heard, such as the end of the process.
    const closed = () => void setTimeout(setImmediate, EXIT_MS, end).unref()
    requests!.resume().on('close', closed)
    words!.on('close', closed)
    leaveUnread(results!)
    const hear = (chunk: Buffer) => this.#heard(this.#framesOf(chunk))
    if (!readInto(words!, WORDS_BUFFER, hear)) words!.on('data', hear)
    stdout!.on('data', (chunk: Buffer) => this.#printed('stdout', chunk))
    stderr!.on('data', (chunk: Buffer) => this.#printed('stderr', chunk))
    child.on('error', error => this.#end(unstartedText(error)))
    child.on('exit', (code, signal) => this.#exited(code, signal))
    if (child.pid !== undefined) watchOver(child.pid)
    const text = Buffer.from(JSON.stringify(setup))
    const preamble = Buffer.alloc(PREAMBLE)
    preamble.writeUInt32LE(secret, 0)
    preamble.writeUInt32LE(text.length, 4)
    requests!.write(Buffer.concat([preamble, text]))
  }

  /** How long it was kept from running by others, in milliseconds. */
  get waitedMs() {
    return processorWaitMs(this.pid)
  }

  get pid() {
    return this.#child.pid
  }

  /** Whether this process is kept from ending by itself, as it is at first. */
  keepAlive(isNeeded: boolean) {
    if (isNeeded) this.#child.ref()
    else this.#child.unref()
  }

  /** Posts a frame; it leaves at the end of the turn. */
  post(...frame: Parameters<FrameWriter['add']>) {
    this.#writer.add(...frame)
    if (this.#isPosting) return
    this.#isPosting = true
    // Of these, `queueMicrotask` costs a microsecond more.
    void NOW.then(() => this.flush())
  }

  /** Writes at once what was posted; false if it does not fit into the pipe. */
  flush(): boolean {
    if (this.#isPosting) this.#write(this.#writer.take())
    this.#isPosting = false
    return this.#requests.writableLength === 0
  }

  /** Hears all that the process has told so far, or was about to tell; false where that cannot be known. */
  hearAll(): boolean {
    // The results first: what comes among the words meanwhile says which of them are older than a word by itself.
    const results = readAll(this.#results.pipe)
    this.#results.early = results ?? NOTHING
    // Words that have ended were all heard.
    const frames = this.#framesOf(readAll(this.#words.pipe) ?? NOTHING)
    frames.push(...this.#resultsOf(this.#results.early))
    this.#results.early = NOTHING
    this.#heard(frames)
    return results !== undefined
  }

  /** Ends it and all that it started, at once. */
  kill(why?: string) {
    this.killedFor ??= why
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It is gone.
    }
  }

  /** Past the stream, whose ways cost more than the write; it takes what does not fit. */
  #write(parts: Uint8Array[]) {
    let written = 0
    const fd = descriptorOf(this.#requests)
    if (fd >= 0 && this.#requests.writableLength === 0)
      try {
        written = parts.length === 1 ? writeSync(fd, parts[0]!) : writevSync(fd, parts)
      } catch {
        // The pipe is full. Or it is broken: the stream hears of that, too.
      }
    for (const part of parts) {
      if (written < part.length) this.#requests.write(part.subarray(written))
      written = Math.max(0, written - part.length)
    }
  }

  /** What a piece of the words says, and the results that it tells of. */
  #framesOf(words: Buffer): Frame[] {
    return this.#words.reader.read(words).flatMap(frame => {
      if (frame.kind === Kind.told) return this.#told(frame)
      // What ended before somebody wrote it is there, and it is not its fault.
      if (frame === GARBAGE) return [...this.#untold(), GARBAGE]
      return frame
    })
  }

  #told({ extra: bytes }: Frame): Frame[] {
    const results = this.#results
    results.told += bytes
    const early = results.early.subarray(0, Math.max(0, results.told - results.read))
    results.early = results.early.subarray(early.length)
    const frames = this.#resultsOf(early)
    const fd = descriptorOf(results.pipe)
    while (results.read < results.told)
      try {
        const read = readSync(fd, SCRATCH, 0, Math.min(SCRATCH.length, results.told - results.read), null)
        if (read === 0) {
          // What was told of was written: somewhere else.
          this.kill(CLOSED)
          break
        }
        frames.push(...this.#resultsOf(SCRATCH.subarray(0, read)))
      } catch {
        // There is less than was told.
        return [...frames, GARBAGE]
      }
    return frames
  }

  #untold(): Frame[] {
    const { pipe, early } = this.#results
    this.#results.early = NOTHING
    return [...this.#resultsOf(early), ...this.#resultsOf(readAll(pipe) ?? NOTHING)]
  }

  #resultsOf(bytes: Buffer): Frame[] {
    this.#results.read += bytes.length
    return this.#results.reader.read(bytes)
  }

  #heard(frames: Frame[]) {
    if (frames.length > 0) this.#owner.heard(frames)
  }

  #printed(stream: 'stdout' | 'stderr', chunk: Buffer) {
    if (stream === 'stderr') this.#lastWords = (this.#lastWords + chunk.toString()).slice(-LAST_WORDS)
    // While the function is being loaded it belongs to the error that ends the process.
    if (this.hasLoaded) this.#owner.printed(stream, chunk)
  }

  #exited(code: number | null, signal: string | null) {
    for (const stream of ['stdout', 'stderr'] as const) {
      const unread = readAll(this.#child[stream] as Socket)
      if (unread && unread.length > 0) this.#printed(stream, unread)
    }
    this.hasExited = true
    this.hearAll()
    const { hasLoaded } = this
    this.#end(deathText({ code, signal, hasLoaded, lastWords: this.#lastWords, memoryLimit: this.#memoryLimit }))
  }

  #end(why: string) {
    if (this.#hasEnded) return
    this.#hasEnded = true
    // What it started ends as well.
    this.kill()
    if (this.#child.pid !== undefined) forget(this.#child.pid)
    for (const stream of this.#pipes) stream?.destroy()
    this.#owner.ended(this.killedFor ?? why)
  }
}

/** What lies in a pipe and the event loop has not read; undefined where that cannot be known. */
function readAll(pipe: Socket): Buffer | undefined {
  const fd = descriptorOf(pipe)
  if (fd < 0) return undefined
  const parts: Buffer[] = []
  for (;;)
    try {
      const read = readSync(fd, SCRATCH, 0, SCRATCH.length, null)
      if (read === 0) break
      parts.push(Buffer.from(SCRATCH.subarray(0, read)))
    } catch (error) {
      if (parts.length > 0 || (error as NodeJS.ErrnoException).code === 'EAGAIN') break
      return undefined
    }
  return Buffer.concat(parts)
}
