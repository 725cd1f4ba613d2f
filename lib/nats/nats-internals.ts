// What this project uses of nats.js beyond its types, all in one place. Where a version of it keeps other parts, these are
// undefined, and whoever needs them does the same by public methods.
import type { Socket } from 'node:net'
import type { ConnectionOptions, Msg, NatsConnection } from './nats.js'
import type { Callback } from './subscribe-safely.js'

/** Where the replies to `request()` come: one subscription, made by the first request. */
export interface InboxParts {
  initMux(): void
  muxSubscriptions: { baseInbox: string }
  subscriptions: { getMux(): { callback: Callback } | null }
}

const protocolOf = (nc: NatsConnection) =>
  (nc as { protocol?: Partial<InboxParts & DialParts & PingParts & WireParts & { lastError: Error }> }).protocol

export function inboxParts(nc: NatsConnection): InboxParts | undefined {
  const protocol = protocolOf(nc)
  const isKnown = protocol?.initMux && protocol.muxSubscriptions && protocol.subscriptions?.getMux
  return isKnown ? (protocol as InboxParts) : undefined
}

/** A server of a connection's list. */
export interface Server {
  readonly listen: string
  /** By the time of day; 0: never. */
  lastConnect: number
  /** The addresses of its name. */
  resolves?: Server[]
  resolve(how: unknown): Promise<Server[]>
}

const DIAL_SERVER = '_doDial'

/** How a connection is made again: a loop over the servers, in which each is dialled at each of its addresses. */
export interface DialParts {
  options: { timeout: number; reconnectDelayHandler(): number }
  servers: { servers: Server[]; currentServer: Server; addServer(url: string): void }
  transport: { socket?: Socket }
  [DIAL_SERVER](server: Server): Promise<void>
  dial(address: Server): Promise<void>
}

export function dialParts(nc: NatsConnection): DialParts | undefined {
  const protocol = protocolOf(nc)
  const isKnown =
    protocol?.[DIAL_SERVER] && protocol.dial && protocol.servers?.addServer && protocol.options?.reconnectDelayHandler
  return isKnown ? (protocol as DialParts) : undefined
}

type Dial = (to: Server) => Promise<void>

/** Has each later dial of a server, and of an address, run inside of what is given. */
export function wrapDials(
  parts: DialParts,
  dialServer: (server: Server, dial: Dial) => Promise<void>,
  dialAddress: (address: Server, dial: Dial) => Promise<void>,
) {
  const [toServer, toAddress] = [parts[DIAL_SERVER].bind(parts), parts.dial.bind(parts)]
  parts[DIAL_SERVER] = server => dialServer(server, toServer)
  parts.dial = address => dialAddress(address, toAddress)
}

/** Whether a connection is up, and its socket. */
export interface PingParts {
  connected: boolean
  transport: { socket?: Socket }
}

export function pingParts(nc: NatsConnection): PingParts | undefined {
  const protocol = protocolOf(nc)
  return protocol?.connected !== undefined && protocol.transport ? (protocol as PingParts) : undefined
}

export interface Parser {
  parse(chunk: Uint8Array): void
  /** 0 between two messages. */
  state: number
  /** Of the message that has come in part. */
  ma: { size: number }
  msgBuf?: { readonly length: number; bytes(options?: { copy: boolean }): Uint8Array }
}

/** What is to be written. */
export interface Outbound {
  buffers: Uint8Array[]
  fill(...buffers: Uint8Array[]): void
  length(): number
  size(): number
  /** All of it in one buffer. */
  peek(): Uint8Array
  drain(): Uint8Array
  reset(): void
}

/** How bytes get from the socket to the subscriptions, and from `publish` to the socket. */
export interface WireParts {
  parser: Parser
  outbound: Outbound
  pendingLimit: number
  infoReceived: boolean
  connected: boolean
  transport: { socket?: Socket; send(frame: Uint8Array): void }
  sendCommand(command: string | Uint8Array, ...payloads: Uint8Array[]): void
  flushPending(): void
}

export function wireParts(nc: NatsConnection): WireParts | undefined {
  const protocol = protocolOf(nc)
  const isKnown =
    protocol?.parser?.parse &&
    protocol.parser.state !== undefined &&
    protocol.outbound?.buffers &&
    protocol.pendingLimit &&
    protocol.transport
  const { debug } = (nc as { options?: ConnectionOptions }).options ?? {}
  return isKnown && !debug ? (protocol as WireParts) : undefined
}

/**
 * nats.js takes the connection for lost. Its socket is open until whoever gets it ends it, and nothing is read from it any more. One
 * of TLS is ended at once.
 */
export function abandon(parts: PingParts): Socket | undefined {
  const { socket } = parts.transport
  if (!socket || 'encrypted' in socket) return void socket?.destroy()
  // It ends what it finds here.
  delete parts.transport.socket
  socket.emit('close')
  // Without a name it would have the socket read on.
  for (const event of ['data', 'end', 'error', 'close']) socket.removeAllListeners(event)
  return socket
    .on('error', () => {})
    .pause()
    .unref()
}

/** Ends a socket at once. What is unsent is not sent later either, when its peer is back. */
export function reset(socket: Socket | undefined) {
  // One that has ended, or is of TLS, cannot be reset: it would stay open.
  if (!socket || socket.writableEnded || 'encrypted' in socket) socket?.destroy()
  else socket.resetAndDestroy()
}

/** What the server has said last against a connection. */
export const lastError = (nc: NatsConnection): Error | undefined => protocolOf(nc)?.lastError

/** Where a connection's replies go. */
export const inboxPrefix = (nc: NatsConnection): string | undefined =>
  (nc as { options?: ConnectionOptions }).options?.inboxPrefix

/** Whether what a connection publishes does not come back to it. */
export const hasNoEcho = (nc: NatsConnection): boolean =>
  (nc as { options?: ConnectionOptions }).options?.noEcho === true

/** The status line and the headers of a message, as they came; undefined if it has none. */
export function headText(message: Msg): string | undefined {
  const { _msg, _rdata } = message as { _msg?: { hdr?: number }; _rdata?: Uint8Array }
  if (_msg?.hdr !== undefined)
    return _msg.hdr < 0 || !_rdata ? undefined : asBuffer(_rdata).toString('utf8', 0, _msg.hdr)
  const { headers } = message
  if (!headers) return undefined
  const lines = [...headers].flatMap(([name, values]) => values.map(value => `${name}: ${value}`))
  return [`NATS/1.0 ${headers.code || ''}`, ...lines, '', ''].join('\r\n')
}

/** It is one unless the message came in two packets. */
const asBuffer = (bytes: Uint8Array) =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
