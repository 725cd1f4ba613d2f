// Hears what a server says against a connection that is about to be made. nats.js waits for its time to be over then, and forgets it.
import { Socket } from 'node:net'

const ERROR = /^-ERR '(.*)'\r?$/m
/** What nats.js ends a dial with by itself. */
const HEARD = /authorization violation|authentication expired/i
/** After so long a dial that goes on will not say why, in milliseconds; one that was refused has ended. */
const PATIENCE_MS = 1500
/** What a server says before there is a connection is short. */
const MOST = 10_000

/**
 * Reads along on a socket that somebody else reads from, until it has heard something, which is told, or what it returns is called. Of
 * one on which TLS is begun it hears what comes before. It tells nothing of a server that has closed the connection: what that one said
 * may be lost, as when it was written to meanwhile.
 */
export function overhear(socket: Socket, tell: (text?: string) => void): () => void {
  const { emit } = Socket.prototype
  let all = ''
  let timer: NodeJS.Timeout | undefined
  const end = () => {
    // Whoever reads from it removes all listeners when it likes.
    socket.emit = emit
    clearTimeout(timer)
  }
  socket.emit = (event: string, ...args: unknown[]) => {
    if (event === 'data') {
      all += String(args[0])
      const text = ERROR.exec(all)?.[1]
      if (text !== undefined || all.length > MOST) end()
      if (text !== undefined && !HEARD.test(text)) tell(text)
    } else if (event === 'error' && all.startsWith('INFO ')) {
      end()
      tell()
    } else if (event === 'close' && all.startsWith('INFO ')) timer ??= setTimeout(tell, PATIENCE_MS).unref()
    return Reflect.apply(emit, socket, [event, ...args]) as boolean
  }
  return end
}
