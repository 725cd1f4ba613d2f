// Paces how a connection of our own is made again. nats.js waits between two dials by the time of day, which may be set back; it
// forgets those that it could not reach at first, and begins with the one that has just died; and it waits for each server, and for the
// name service, as long as if there were no other.
import { type Socket, isIPv6 } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressesOf } from './addresses.js'
import { dial } from './dial.js'
import { type DialParts, type Server, dialParts, wrapDials } from './nats-internals.js'
import { ErrorCode, type NatsConnection, NatsError } from './nats.js'

/** A server that says nothing is given up after this if there are others; after each round of all in vain, twice as much. */
const QUICK_MS = 2000
/** A dial takes up to five round trips, with TLS. */
const ROUND_TRIPS = 8

/** How long to wait for a server: `longestMs` if it is the only one. `rounds`: how often all were dialled in vain. */
export const dialMs = (servers: number, longestMs: number, rounds = 0, roundTripMs = 0) =>
  servers > 1
    ? Math.min(longestMs, Math.max(QUICK_MS, ROUND_TRIPS * roundTripMs) * 2 ** Math.min(rounds, 10))
    : longestMs

export interface RedialOptions {
  servers: string[]
  /** `false`: names are left to Node. */
  resolve: boolean | undefined
  /** For one dial, if there is no other server. */
  longestMs: number
  roundTripMs: () => number
  onConnected: () => void
  /** Is aborted when the connection is closed. */
  signal: AbortSignal
}

export function paceRedials(nc: NatsConnection, options: RedialOptions) {
  const parts = dialParts(nc)
  if (!parts) return
  const redials = new Redials(parts, options)
  wrapDials(
    parts,
    (server, dial) => redials.dialServer(server, dial),
    (address, dial) => redials.dialAddress(() => dial(address)),
  )
}

class Redials {
  readonly #parts: DialParts
  readonly #options: RedialOptions
  /** How the addresses of names are found. */
  readonly #names: { fn: typeof addressesOf; resolve: boolean | undefined }
  readonly #dialledAt = new WeakMap<Server, number>()
  #timeouts = 0

  constructor(parts: DialParts, options: RedialOptions) {
    this.#parts = parts
    this.#options = options
    this.#names = { fn: addressesOf, resolve: options.resolve }
    for (const url of options.servers) this.#addIfMissing(url)
    for (const server of parts.servers.servers) {
      server.lastConnect = 0
      // When it is lost there may be no name service either.
      server.resolve(this.#names).catch(() => {})
    }
    this.#putLast()
  }

  /** Before the first connection nats.js forgets each server that it cannot reach. */
  #addIfMissing(url: string) {
    const { servers } = this.#parts.servers
    this.#parts.servers.addServer(url)
    const added = servers.pop()!
    if (!servers.some(({ listen }) => listen === added.listen)) servers.push(added)
  }

  /** In the loop of nats.js; what this throws, the loop takes for a server that cannot be reached. */
  async dialServer(server: Server, dialServer: (server: Server) => Promise<void>) {
    // The loop does not wait for a server with 0.
    server.lastConnect = 0
    const waitMs = this.#parts.options.reconnectDelayHandler() - (performance.now() - this.#lastDial(server))
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.#options.signal })
    this.#dialledAt.set(server, performance.now())
    const ms = (this.#parts.options.timeout = this.#dialMs(server))
    const find = (how: object) => resolveWithin(ms, server, { ...how, ...this.#names })
    await dialServer(Object.create(server, { resolve: { value: find } }))
    this.#timeouts = 0
  }

  async dialAddress(connect: () => Promise<void>) {
    try {
      await dial(connect, this.#options.signal)
    } catch (error) {
      if ((error as Partial<NatsError>).code === ErrorCode.Timeout) this.#timeouts++
      throw error
    }
    this.#putLast()
    this.#options.onConnected()
  }

  /** The server that is connected becomes the last to be tried, under whatever names it is known: if it is lost it may be dead. */
  #putLast() {
    const { servers, currentServer } = this.#parts.servers
    const address = remoteOf(this.#parts.transport.socket)
    const isHere = (server: Server): boolean =>
      server === currentServer || server.listen === address || (server.resolves?.some(isHere) ?? false)
    servers.sort((a, b) => Number(isHere(a)) - Number(isHere(b)))
  }

  #lastDial(server: Server) {
    return this.#dialledAt.get(server) ?? -Infinity
  }

  #dialMs({ resolves }: Server) {
    const count = this.#parts.servers.servers.length
    const { longestMs, roundTripMs } = this.#options
    return dialMs(Math.max(count, resolves?.length ?? 0), longestMs, Math.floor(this.#timeouts / count), roundTripMs())
  }
}

/** The addresses of a server; those of the last time if the name service does not know them now. */
async function resolveWithin(ms: number, server: Server, how: object): Promise<Server[]> {
  const known = server.resolves
  const timer = new AbortController()
  const tooLong = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw NatsError.errorForCode(ErrorCode.Timeout)
  })
  try {
    return await Promise.race([server.resolve(how), tooLong])
  } catch (error) {
    if (known) return known
    throw error
  } finally {
    timer.abort()
    tooLong.catch(() => {})
  }
}

/** An address as nats.js writes it. */
function remoteOf(socket: Socket | undefined) {
  const { remoteAddress: host = '', remotePort: port } = socket ?? {}
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}
