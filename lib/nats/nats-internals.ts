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

const protocolOf = (nc: NatsConnection) => (nc as { protocol?: Partial<InboxParts & DialParts> }).protocol

export function inboxParts(nc: NatsConnection): InboxParts | undefined {
  const protocol = protocolOf(nc)
  const isKnown = protocol?.initMux && protocol.muxSubscriptions && protocol.subscriptions?.getMux
  return isKnown ? (protocol as InboxParts) : undefined
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
