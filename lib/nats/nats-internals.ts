// What this project uses of nats.js beyond its types, all in one place. Where a version of it keeps other parts, these are
// undefined, and whoever needs them does the same by public methods.
import type { Socket } from 'node:net'
import type { ConnectionOptions, Msg, NatsConnection, NatsError, Subscription } from './nats.js'

/** What nats.js keeps of a request that is under way. */
export interface Pending {
  token: string
  requestSubject: string
  received: number
  resolver(error: NatsError | null, message: Msg): void
}

/** What `request` does, in parts: a connection has one inbox, whose subjects end with the tokens of its requests. */
export interface RequestParts {
  request(pending: Pending): void
  muxSubscriptions: { baseInbox: string; get(token: string): Pending | undefined; cancel(pending: Pending): void }
  subscriptions: { getMux(): Inbox | null }
}

export interface Inbox {
  callback(error: NatsError | null, message: Msg): void
}

/** What `drain` of a subscription does, in parts. */
export interface DrainParts {
  unsub(subscription: Subscription): void
  subscriptions: { cancel(subscription: Subscription): void }
}

const protocolOf = (nc: NatsConnection) =>
  (nc as { protocol?: Partial<RequestParts & DrainParts & DialParts> }).protocol

export function requestParts(nc: NatsConnection): RequestParts | undefined {
  const protocol = protocolOf(nc)
  const isKnown = protocol?.request && protocol.muxSubscriptions?.cancel && protocol.subscriptions?.getMux
  return isKnown ? (protocol as RequestParts) : undefined
}

export function drainParts(nc: NatsConnection): DrainParts | undefined {
  const protocol = protocolOf(nc)
  return protocol?.unsub && protocol.subscriptions?.cancel ? (protocol as DrainParts) : undefined
}

interface DialParts {
  dial(server: unknown): Promise<void>
  transport: { socket?: Socket }
}

/** Has each later dial of a connection run inside of `wrap`. */
export function wrapDials(nc: NatsConnection, wrap: (dial: () => Promise<void>) => Promise<void>) {
  const protocol = protocolOf(nc)
  const dial = protocol?.dial?.bind(protocol)
  if (dial) protocol!.dial = server => wrap(() => dial(server))
}

export const socketOf = (nc: NatsConnection): Socket | undefined => protocolOf(nc)?.transport?.socket

/** Where a connection's replies go. */
export const inboxPrefix = (nc: NatsConnection): string | undefined =>
  (nc as { options?: ConnectionOptions }).options?.inboxPrefix

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
