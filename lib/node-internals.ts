// What this project uses of Node beyond its documentation, all in one place. A pipe must have a descriptor and be left unread; all
// else is faster with it, and done by public methods where a version of Node keeps other parts.
import type { Socket } from 'node:net'

interface SocketParts {
  _host?: string | null
  _handle?: { fd?: number; readStop?(): void; useUserBuffer?(buffer: Buffer): void } | null
  [part: symbol]: unknown
}

// oxlint-disable-next-line no-underscore-dangle
const handleOf = (socket: unknown) => (socket as SocketParts | null)?._handle ?? {}

/** That of a socket or pipe; -1 for one of TLS, one that is closed, and where Node does not show it. */
export const descriptorOf = (socket: Socket): number => ('encrypted' in socket ? -1 : (handleOf(socket).fd ?? -1))

/** Leaves what comes to whoever reads from the descriptor. */
export function leaveUnread(pipe: Socket) {
  handleOf(pipe).readStop?.()
}

/**
 * Has the certificate of a peer that was dialled by its address checked against that address, where TLS is begun on a socket that is
 * connected. Node would check it against "localhost".
 */
export function expectAddress(socket: Socket) {
  // oxlint-disable-next-line no-underscore-dangle
  socket.once('connect', () => ((socket as unknown as SocketParts)._host ??= socket.remoteAddress))
}

/** The name or address under which a socket that is connected was dialled; undefined where Node does not keep it. */
// oxlint-disable-next-line no-underscore-dangle
export const hostOfSocket = (socket: Socket) => (socket as unknown as SocketParts)._host ?? undefined

/**
 * Has a socket or pipe read into `buffer`, as with the option `onread` of a new one; false where that cannot be. Else Node makes a
 * buffer of 64 KiB for each piece that comes, which costs more than the reading of a short one.
 */
export function readInto(socket: Socket, buffer: Buffer, onRead: (chunk: Buffer) => void): boolean {
  const parts = socket as unknown as SocketParts
  const handle = handleOf(socket)
  const symbols = Object.getOwnPropertySymbols(socket)
  const [into, call, next] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map(name =>
    symbols.find(({ description }) => description === name),
  )
  if (!handle.useUserBuffer || !into || !call || !next || 'encrypted' in socket) return false
  parts[into] = buffer
  parts[call] = (length: number) => {
    onRead(buffer.subarray(0, length))
    return true
  }
  parts[next] = null
  handle.useUserBuffer(buffer)
  socket.resume()
  return true
}
