// Reads a file that may have no end, and a standard input that has nothing yet.
import { closeSync, openSync, readSync } from 'node:fs'

const CHUNK_BYTES = 2 ** 16
/** Where reading would wait and was told not to, it is tried again after this. */
const AGAIN_MS = 10

/**
 * All that is in it; `file`: its path, or a descriptor.
 * @throws {Error} if it is more than `most` bytes, or cannot be read
 */
export function readFile(file: string | number, most: number): Uint8Array {
  const fd = typeof file === 'number' ? file : openSync(file, 'r')
  try {
    const chunks: Buffer[] = []
    for (let bytes = 0; bytes <= most;) {
      const chunk = readChunk(fd)
      if (chunk.length === 0) return Buffer.concat(chunks)
      chunks.push(chunk)
      bytes += chunk.length
    }
    throw new Error(`it has more than ${most} bytes`)
  } finally {
    if (fd !== file) closeSync(fd)
  }
}

function readChunk(fd: number): Buffer {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (;;)
    try {
      return chunk.subarray(0, readSync(fd, chunk))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS)
    }
}
