// Reading and writing of a connection of our own, with fewer copies and promises than nats.js takes. There, what the socket brings
// passes through a queue, an asynchronous iterator and half a dozen promises; a message that comes in pieces is copied into a buffer
// that grows; all that is written in one turn is copied into one piece, and goes through the stream with a promise and a callback.
import { writeSync, writevSync } from 'node:fs'
import type { Socket } from 'node:net'
import { Chunks } from './chunks.js'
import { type Outbound, type WireParts, wireParts } from './nats-internals.js'
import type { NatsConnection } from './nats.js'
import { descriptorOf, readInto } from '../node-internals.js'

/** More buffers than these are put into one before they are written. */
const MOST_BUFFERS = 64
const NOW = Promise.resolve()
/** All connections read into it, one after the other. */
const READ_BUFFER = Buffer.allocUnsafeSlow(2 ** 16)
const scratch = Buffer.allocUnsafeSlow(2 ** 14)

/** To be called whenever the connection is there, for the first time or again. */
export function quicken(nc: NatsConnection) {
  const parts = wireParts(nc)
  const socket = parts?.transport.socket
  if (!parts || !socket) return
  readAtOnce(parts, socket)
  parts.flushPending = () => flush(parts)
  parts.sendCommand = (command, ...payloads) => {
    const isFirst = parts.outbound.length() === 0
    parts.outbound.fill(typeof command === 'string' ? Buffer.from(command) : command, ...payloads)
    if (isFirst) void NOW.then(() => flush(parts))
    else if (parts.outbound.size() >= parts.pendingLimit) flush(parts)
  }
}

function readAtOnce({ parser }: WireParts, socket: Socket) {
  if (socket.listenerCount('data') !== 1) return
  // What came so far has been parsed when more comes: that takes promises alone, and no event.
  socket.removeAllListeners('data')
  const chunks = new Chunks(parser)
  const read = (chunk: Buffer, isOwn: boolean) => {
    try {
      chunks.read(chunk, isOwn)
    } catch (error) {
      // It is not what a server says, and nothing that follows can be understood.
      socket.destroy(error as Error)
    }
  }
  if (!readInto(socket, READ_BUFFER, chunk => read(chunk, false)))
    socket.on('data', (chunk: Buffer) => read(chunk, true))
}

function flush({ outbound, transport, infoReceived, connected }: WireParts) {
  const size = outbound.size()
  if (!infoReceived || !connected || size === 0) return
  const { socket } = transport
  const fd = socket?.writableLength === 0 ? descriptorOf(socket) : -1
  const written = fd < 0 ? 0 : writeAtOnce(fd, outbound)
  if (written < size) transport.send(outbound.drain().subarray(written))
  else outbound.reset()
}

/** Writes past the stream of a socket what that takes at once; how many bytes that were. */
function writeAtOnce(fd: number, outbound: Outbound): number {
  const { buffers } = outbound
  try {
    if (outbound.size() <= scratch.length) return writeSync(fd, scratch, 0, putTogether(buffers))
    return buffers.length <= MOST_BUFFERS ? writevSync(fd, buffers) : writeSync(fd, outbound.peek())
  } catch {
    // It takes nothing now. Or it is broken: the stream hears of that, too.
    return 0
  }
}

function putTogether(buffers: readonly Uint8Array[]): number {
  let length = 0
  for (const bytes of buffers) {
    scratch.set(bytes, length)
    length += bytes.length
  }
  return length
}
