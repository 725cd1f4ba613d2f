// The process of a slot and the pipes to it: what is posted to it in one turn leaves in one write; what it tells comes as frames.
//
// Results lie in a pipe that the event loop does not watch, since to be woken for each of them would cost more than most
// computations. A second pipe tells how many bytes there are, not for each result; what was not told can be read all the same,
// before something is decided, and when the process has ended.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { readSync } from 'node:fs'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { deathText } from './death.js'
import { type Frame, FrameReader, FrameWriter, GARBAGE } from './frames.js'
import { PREAMBLE, type Setup, TOLD_SIZE } from './process/setup.js'
import { forget, watchOver } from './reaper.js'

const MAIN = fileURLToPath(new URL('process/main.js', import.meta.url))
const SCRATCH = Buffer.allocUnsafe(2 ** 16)
/** As much of what the process has written to its standard error is kept as tells why it ended. */
const LAST_WORDS = 8192

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
  readonly #owner: ProcessOwner
  readonly #memoryLimit: number
  readonly #child: ChildProcess
  readonly #writer: FrameWriter
  readonly #reader: FrameReader
  readonly #requests: Socket
  readonly #results: Socket
  #told = 0
  #read = 0
  #toldRest: Buffer = Buffer.alloc(0)
  #isPosting = false
  #hasEnded = false
  #lastWords = ''

  constructor({ memoryLimit, execArgv, ...setup }: ProcessOptions, owner: ProcessOwner) {
    this.#owner = owner
    this.#memoryLimit = memoryLimit
    const secret = randomInt(2 ** 32)
    this.#writer = new FrameWriter(secret)
    this.#reader = new FrameReader(secret)
    // A group of its own: what it starts ends with it, and Ctrl-C of a terminal does not reach it.
    const child = spawn(process.execPath, [...execArgv, `--max-old-space-size=${memoryLimit}`, MAIN], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NATS_'))),
    })
    this.#child = child
    const [, stdout, stderr, requests, results, told] = child.stdio as unknown as Socket[]
    this.#requests = requests!
    this.#results = results!
    for (const stream of child.stdio as (Socket | null)[]) stream?.on('error', () => {}).unref()
    // What user code writes there is nothing to us.
    requests!.resume()
    if (handleOf(results).readStop) handleOf(results).readStop!()
    else results!.on('data', (chunk: Buffer) => this.#heard(chunk))
    told!.on('data', (chunk: Buffer) => this.#hearTold(chunk))
    stdout!.on('data', (chunk: Buffer) => this.#printed('stdout', chunk))
    stderr!.on('data', (chunk: Buffer) => this.#printed('stderr', chunk))
    child.on('error', error => this.#end(error.message))
    child.on('exit', (code, signal) => this.#exited(code, signal))
    if (child.pid !== undefined) watchOver(child.pid)
    const text = Buffer.from(JSON.stringify(setup))
    const preamble = Buffer.alloc(PREAMBLE)
    preamble.writeUInt32LE(secret, 0)
    preamble.writeUInt32LE(text.length, 4)
    requests!.write(Buffer.concat([preamble, text]))
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
    queueMicrotask(() => this.flush())
  }

  /** Writes at once what was posted; false if it does not fit into the pipe. */
  flush(): boolean {
    if (this.#isPosting) {
      const parts = this.#writer.take()
      if (parts.length > 1) this.#requests.cork()
      for (const part of parts) this.#requests.write(part)
      if (parts.length > 1) this.#requests.uncork()
    }
    this.#isPosting = false
    return this.#requests.writableLength === 0
  }

  /** Hears all that the process has told so far, or was about to tell; false where that cannot be known. */
  hearAll(): boolean {
    const bytes = readAll(this.#results)
    if (bytes && bytes.length > 0) this.#heard(bytes)
    return bytes !== undefined
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

  #hearTold(chunk: Buffer) {
    const bytes = this.#toldRest.length > 0 ? Buffer.concat([this.#toldRest, chunk]) : chunk
    let at = 0
    for (; at + TOLD_SIZE <= bytes.length; at += TOLD_SIZE) this.#told += bytes.readUInt32LE(at)
    this.#toldRest = bytes.subarray(at)
    const { fd = -1 } = handleOf(this.#results)
    if (fd < 0) return
    while (this.#read < this.#told) {
      let read
      try {
        read = readSync(fd, SCRATCH, 0, Math.min(SCRATCH.length, this.#told - this.#read), null)
      } catch {
        // There is less than was told.
        return this.#owner.heard([GARBAGE])
      }
      if (read === 0) return
      this.#heard(SCRATCH.subarray(0, read))
    }
  }

  #heard(bytes: Buffer) {
    this.#read += bytes.length
    const frames = this.#reader.read(bytes)
    if (frames.length > 0) this.#owner.heard(frames)
  }

  #printed(stream: 'stdout' | 'stderr', chunk: Buffer) {
    if (stream === 'stderr') this.#lastWords = (this.#lastWords + chunk.toString()).slice(-LAST_WORDS)
    // While the function is being loaded it belongs to the error that ends the process.
    if (this.hasLoaded) this.#owner.printed(stream, chunk)
  }

  #exited(code: number | null, signal: string | null) {
    for (const stream of ['stdout', 'stderr'] as const) {
      const unread = readAll(this.#child[stream])
      if (unread && unread.length > 0) this.#printed(stream, unread)
    }
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
    for (const stream of this.#child.stdio) stream?.destroy()
    this.#owner.ended(this.killedFor ?? why)
  }
}

/** What Node has of a pipe without a public name. */
const handleOf = (socket: unknown) =>
  // oxlint-disable-next-line no-underscore-dangle
  (socket as { _handle?: { fd?: number; readStop?(): void } | null })._handle ?? {}

/** What lies in a pipe and the event loop has not read; undefined where that cannot be known. */
function readAll(socket: unknown): Buffer | undefined {
  const { fd } = handleOf(socket)
  if (fd === undefined || fd < 0) return undefined
  const parts: Buffer[] = []
  for (;;)
    try {
      const read = readSync(fd, SCRATCH)
      if (read === 0) break
      parts.push(Buffer.from(SCRATCH.subarray(0, read)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') break
      return undefined
    }
  return Buffer.concat(parts)
}
