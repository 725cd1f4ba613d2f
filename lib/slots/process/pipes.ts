// The ends of the pipes in the process of a slot. Writing waits until the executor has taken all, so that what is told before a
// crash is told; reading is left to the event loop, and between two computations done by hand.
import { readSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { type Frame, FrameEncoder, FrameReader } from '../frames.js'
import { PREAMBLE, type Setup } from './setup.js'

const IN = 3
const OUT = 4
function readExactly(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length;) {
    const read = readSync(IN, bytes, at, length - at, null)
    if (read === 0) process.exit()
    at += read
  }
  return bytes
}

const preamble = readExactly(PREAMBLE)
const secret = preamble.readUInt32LE(0)
export const setup = JSON.parse(readExactly(preamble.readUInt32LE(4)).toString()) as Setup

const encoder = new FrameEncoder(secret)
const reader = new FrameReader(secret)
const scratch = Buffer.allocUnsafe(2 ** 16)
const exit = process.exit.bind(process)

export function send(...frame: Parameters<FrameEncoder['encode']>) {
  const bytes = encoder.encode(...frame)
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(OUT, bytes, at)
  } catch {
    // The executor is gone, or user code has closed the pipe.
    process.kill(process.pid, 'SIGKILL')
  }
}

/** Hears frames as they come; the process ends when the executor is gone or closes the pipe. */
export function listen(hear: (frames: Frame[]) => void) {
  new Socket({ fd: IN, readable: true, writable: false })
    .on('data', (chunk: Buffer) => hear(reader.read(chunk)))
    .on('error', () => exit())
    .on('close', () => exit())
}

/** What has come and was not heard yet. */
export function look(): Frame[] {
  const frames: Frame[] = []
  for (;;)
    try {
      const read = readSync(IN, scratch)
      if (read === 0) exit()
      frames.push(...reader.read(Buffer.from(scratch.subarray(0, read))))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return frames
      throw error
    }
}
