// Dials so that no socket is left behind. nats.js forgets the socket of a dial that has timed out: it keeps the process alive,
// and may connect later, without anybody who reads from it. And so that a certificate is that of the server: it names none to TLS
// that was dialled by its address.
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import { type Socket, isIP } from 'node:net'
import { expectAddress, hostOfSocket } from '../node-internals.js'
import { overhear } from './overhear.js'

class Dial {
  #socket: Socket | undefined
  #isOver = false
  readonly #failure = new AbortController()
  readonly #onSaid: ((text?: string) => void) | undefined
  #endHearing: (() => void) | undefined

  constructor(onSaid?: (text?: string) => void) {
    this.#onSaid = onSaid
  }

  /** For `tls.connect`, of whose sockets nobody tells: is aborted when this has failed. */
  get failure(): AbortSignal {
    if (!this.#failure.signal.aborted) return this.#failure.signal
    // A socket can be destroyed only when it is about to be connected.
    const late = new AbortController()
    queueMicrotask(() => late.abort())
    return late.signal
  }

  /** The name of the server that is dialled; '' if it was dialled by its address. */
  get name(): string {
    const host = (this.#socket && hostOfSocket(this.#socket)) ?? ''
    return isIP(host) === 0 ? host : ''
  }

  /** nats.js tries one server after the other; what it has tried before is of no use any more. */
  opened(socket: Socket) {
    const hasFailed = this.#failure.signal.aborted
    // What a connection's callbacks do later runs on behalf of its dial, too: those sockets are not ours.
    if (this.#isOver && !hasFailed) return
    this.#socket?.destroy()
    this.#socket = socket
    expectAddress(socket)
    this.#endHearing?.()
    if (this.#onSaid) this.#endHearing = overhear(socket, this.#onSaid)
    if (hasFailed) queueMicrotask(() => socket.destroy())
  }

  succeeded() {
    this.#isOver = true
    this.#endHearing?.()
    this.#socket = undefined
  }

  failed() {
    this.#isOver = true
    this.#endHearing?.()
    this.#socket?.destroy()
    this.#failure.abort()
  }
}

/** The dial on whose behalf code runs. */
const dials = new AsyncLocalStorage<Dial>()
let underWay = 0

subscribe('net.client.socket', message => dials.getStore()?.opened((message as { socket: Socket }).socket))

/** To be read by nats.js for each socket of TLS. */
export const dialFailure = (): AbortSignal | undefined => dials.getStore()?.failure

/** To be read by nats.js when it begins with TLS on a socket: the name that TLS is told. */
export const dialledName = (): string => dials.getStore()?.name ?? ''

/**
 * Runs what dials. If it fails, or `signal` is aborted meanwhile, no socket is left of it. `onSaid` hears what a server has against it that
 * nats.js does not tell; nothing if the server just closes it.
 */
export async function dial<Connected>(
  connect: () => Promise<Connected>,
  signal: AbortSignal,
  onSaid?: (text?: string) => void,
): Promise<Connected> {
  signal.throwIfAborted()
  const dial = new Dial(onSaid)
  let onAbort!: () => void
  const aborted = new Promise<never>((_, reject) => (onAbort = () => reject(signal.reason as Error)))
  signal.addEventListener('abort', onAbort)
  underWay++
  const connecting = dials.run(dial, connect)
  const ended = () => {
    // While nobody dials it costs nothing.
    if (--underWay === 0) dials.disable()
  }
  connecting.then(ended, ended)
  try {
    const connected = await Promise.race([connecting, aborted])
    dial.succeeded()
    return connected
  } catch (error) {
    dial.failed()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
