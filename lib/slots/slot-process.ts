// Starts the process of a slot, and reads its pipes by hand where the event loop would come too late.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { readSync } from 'node:fs'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { PREAMBLE, type Setup } from './process/setup.js'
import { forget, watchOver } from './reaper.js'

const MAIN = fileURLToPath(new URL('process/main.js', import.meta.url))
const SCRATCH = Buffer.allocUnsafe(2 ** 16)

export interface ProcessOptions extends Setup {
  /** The largest heap of V8's, in MiB. */
  memoryLimit: number
  execArgv: readonly string[]
}

export class SlotProcess {
  readonly child: ChildProcess
  readonly secret = randomInt(2 ** 32)
  readonly requests: Socket
  readonly results: Socket

  constructor({ memoryLimit, execArgv, ...setup }: ProcessOptions) {
    // A group of its own: what it starts ends with it, and Ctrl-C of a terminal does not reach it.
    this.child = spawn(process.execPath, [...execArgv, `--max-old-space-size=${memoryLimit}`, MAIN], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NATS_'))),
    })
    this.requests = this.child.stdio[3] as Socket
    this.results = this.child.stdio[4] as unknown as Socket
    for (const stream of this.child.stdio) stream?.on('error', () => {})
    // What user code writes there is nothing to us.
    this.requests.resume()
    if (this.child.pid !== undefined) watchOver(this.child.pid)
    const text = Buffer.from(JSON.stringify(setup))
    const preamble = Buffer.alloc(PREAMBLE)
    preamble.writeUInt32LE(this.secret, 0)
    preamble.writeUInt32LE(text.length, 4)
    this.requests.write(Buffer.concat([preamble, text]))
  }

  /** Ends it and all that it started, at once. */
  kill() {
    const { pid } = this.child
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It is gone.
    }
  }

  /** It has ended: what it started ends as well, and its pipes are closed. */
  release() {
    this.kill()
    if (this.child.pid !== undefined) forget(this.child.pid)
    for (const stream of this.child.stdio) stream?.destroy()
  }
}

/** What lies in a pipe and the event loop has not read; undefined where that cannot be known. */
export function readNow(socket: unknown): Buffer | undefined {
  // oxlint-disable-next-line no-underscore-dangle -- there is no public name
  const fd = (socket as { _handle?: { fd?: number } })._handle?.fd
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
