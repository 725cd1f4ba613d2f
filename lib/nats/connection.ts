// Opens the NATS connection of an executor or a client, and keeps it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { CheckedOptions } from './connection-options.js'
import { type ConnectionOptions, type NatsConnection, type NatsError, connect } from './nats.js'

/** Between two attempts to connect: this, plus as much again by chance, so that a thousand do not come at once. */
const RETRY_MS = 250
/** A peer that answers no ping is given up after two of these. */
const PING_MS = 10_000

/** What goes away when a server is started or a network mended; anything else needs a person. */
const PASSING = new Set([
  'CONNECTION_REFUSED',
  'CONNECTION_TIMEOUT',
  'CONNECTION_CLOSED',
  'DISCONNECT',
  'TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** Where a choice of connection options goes, for messages. */
export const serversOf = ({ servers }: ConnectionOptions) => [servers].flat().join(', ')

/**
 * Connects, again and again until there is a server or `signal` is aborted (then it rejects with the last error).
 * What a new attempt would not change, such as wrong credentials, rejects at once. The connection reconnects for ever.
 */
export async function open(
  chosen: CheckedOptions,
  own: ConnectionOptions,
  signal: AbortSignal,
  onRefused: (error: Error) => void = () => {},
): Promise<NatsConnection> {
  for (;;) {
    try {
      // nats.js changes the options that it is given.
      return await connect({
        maxReconnectAttempts: -1,
        reconnectTimeWait: RETRY_MS,
        reconnectJitter: RETRY_MS,
        reconnectJitterTLS: RETRY_MS,
        pingInterval: PING_MS,
        noAsyncTraces: true,
        ...own,
        ...chosen,
      })
    } catch (error) {
      const refusal = error as NatsError
      if (refusal.code === 'SERVER_OPT_NA') refusal.message = `the server does not offer ${refusal.message}`
      if (!PASSING.has(refusal.code) || signal.aborted) throw error
      onRefused(refusal)
      try {
        await sleep(RETRY_MS * (1 + Math.random()), undefined, { signal })
      } catch {
        throw error
      }
    }
  }
}

/** Tells of each loss and return of a connection, until it is closed for good; resolves then, with the error if any. */
export async function watch(nc: NatsConnection, tell: (isConnected: boolean) => void): Promise<Error | undefined> {
  void (async () => {
    for await (const { type } of nc.status()) {
      if (type === 'disconnect') tell(false)
      else if (type === 'reconnect') tell(true)
    }
  })()
  return (await nc.closed()) ?? undefined
}
