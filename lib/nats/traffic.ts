// What a socket shows of the life of its peer, by counters alone: nothing is added to the path of a message.
import type { Socket } from 'node:net'

/** A part of Node's that tells how much of the chunk being written the system has not taken yet. */
type Handle = { writeQueueSize?: number } | null

export class Traffic {
  readonly #socket: Socket
  #seen: ReturnType<typeof count>

  constructor(socket: Socket) {
    this.#socket = socket
    this.#seen = count(socket)
  }

  /** Whether there was a sign of life since the last time. */
  hasSign(): boolean {
    const { received, taken, unsent, unsentChunk } = this.#seen
    const now = (this.#seen = count(this.#socket))
    if (now.received !== received) return true
    // The system takes what had to wait when the peer has confirmed something; what needs not wait it takes for a dead one, too.
    return unsent > 0 && (now.taken > taken || now.unsentChunk < unsentChunk)
  }
}

function count(socket: Socket) {
  const { bytesRead, bytesWritten = 0, writableLength } = socket
  const { _handle: handle } = socket as unknown as { _handle?: Handle }
  return {
    received: bytesRead,
    taken: bytesWritten - writableLength,
    unsent: writableLength,
    unsentChunk: handle?.writeQueueSize ?? 0,
  }
}
