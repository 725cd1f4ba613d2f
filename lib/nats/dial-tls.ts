// The options of TLS as dials need them. nats.js tells TLS the name of a server only if it has looked that up itself.
import { isIP } from 'node:net'
import { dialFailure, dialledName } from './dial.js'
import type { TlsOptions } from './nats.js'
import { hostOf } from './servers.js'

/** nats.js hands all options on to Node. */
type NodeTls = TlsOptions & { servername?: string }

/** What is got anew for each dial stays so. `isNamed`: the name is told as well, as that of the first dial. */
export function tlsForDials(tls: NodeTls, servers: readonly string[], isNamed: boolean): NodeTls {
  // Who begins with TLS asks for it before there is a socket.
  const name = tls.handshakeFirst ? () => nameOf(servers[0]!) : dialledName
  return Object.create(null, {
    ...Object.getOwnPropertyDescriptors(tls),
    ...(tls.handshakeFirst && { signal: { get: dialFailure, enumerable: true } }),
    ...(isNamed && tls.servername === undefined && { servername: { get: name, enumerable: true, configurable: true } }),
  }) as NodeTls
}

/** From here on nats.js knows the names of the servers that it dials. */
export function leaveNames(forDials: NodeTls, { servername }: NodeTls) {
  if (servername === undefined) delete forDials.servername
}

/** '' for an address, which is none. */
function nameOf(server: string): string {
  const host = hostOf(server)
  return isIP(host) === 0 ? host : ''
}
