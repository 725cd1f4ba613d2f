// The ends of the pipes in the process of a slot. What is sent lies in its pipe before the code goes on, whatever it does then; the
// executor is told of it by `tell`, or by `sendNow` in the same write. Reading is left to the event loop, and between two computations
// done by hand.
import fs from 'node:fs'
import { Socket } from 'node:net'
import { type Frame, FrameReader, FrameWriter, Kind, NOBODY } from '../frames.js'
import { PREAMBLE, type Setup } from './setup.js'

// User code may put its own in their place.
const { readSync, writeSync, writevSync } = fs
export const exit: () => never = process.exit.bind(process, undefined)

const IN = 3
const RESULTS = 4
const WORDS = 5
/** A pipe takes 8 KiB at least; before it is full the executor must hear of it. */
const MAX_UNTOLD = { frames: 100, bytes: 2 ** 12 }

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

const writer = new FrameWriter(secret)
const reader = new FrameReader(secret)
const scratch = Buffer.allocUnsafe(2 ** 16)

const untold = { frames: 0, bytes: 0 }
let lastStarted = NOBODY

/** The computation of that number starts. */
export function starts(number: number) {
  lastStarted = number
}

export function send(...frame: Parameters<FrameWriter['add']>) {
  writer.add(...frame)
  const parts = writer.take()
  if (parts.length > 1 || parts[0]!.length >= MAX_UNTOLD.bytes) return sendWord(parts)
  write(RESULTS, parts)
  untold.bytes += parts[0]!.length
  if (++untold.frames >= MAX_UNTOLD.frames || untold.bytes >= MAX_UNTOLD.bytes) tell()
}

/** Sends a frame and tells of it; in one write, if nothing else is to be told. */
export function sendNow(...frame: Parameters<FrameWriter['add']>) {
  writer.add(...frame)
  sendWord(writer.take())
}

/** It is told of by itself, after all that was sent before. */
function sendWord(parts: Uint8Array[]) {
  tell()
  write(WORDS, parts)
}

/** Tells the executor of what was sent. */
export function tell() {
  if (untold.bytes === 0) return
  writer.add(Kind.told, NOBODY, untold.bytes)
  write(WORDS, writer.take())
  untold.frames = untold.bytes = 0
}

function write(pipe: number, parts: Uint8Array[]) {
  try {
    let written = parts.length > 1 ? writevSync(pipe, parts) : 0
    for (const part of parts) {
      while (written < part.length) written += writeSync(pipe, part, written)
      written -= part.length
    }
  } catch {
    // The executor is gone, or user code has closed the pipe.
    if (pipe === WORDS && setup.width === 1) tellCulprit()
    process.kill(process.pid, 'SIGKILL')
  }
}

/** Its result may be there already, and the executor would take the next one for what ran. */
function tellCulprit() {
  writer.add(Kind.exit, lastStarted)
  write(RESULTS, writer.take())
}

/** Hears frames as they come; the process ends when the executor is gone or closes the pipe. */
export function listen(hear: (frames: Frame[]) => void) {
  const buffer = Buffer.allocUnsafe(2 ** 16)
  const callback = (length: number) => {
    hear(reader.read(buffer.subarray(0, length)))
    return true
  }
  const options = { fd: IN, readable: true, writable: false, onread: { buffer, callback } }
  new Socket(options).on('error', () => exit()).on('close', () => exit())
}

/** What has come and was not heard yet. */
export function look(): Frame[] {
  const frames: Frame[] = []
  for (;;)
    try {
      const read = readSync(IN, scratch, 0, scratch.length, null)
      if (read === 0) exit()
      frames.push(...reader.read(scratch.subarray(0, read)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return frames
      throw error
    }
}
