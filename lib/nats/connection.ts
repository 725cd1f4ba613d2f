// Opens the NATS connection of an executor or a client, and keeps it.
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, type NatsConnection, type NatsError, connect } from './nats.js'

export const DEFAULT_SERVER = 'nats://127.0.0.1:4222'

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

export const isConnection = (value: object): value is NatsConnection =>
  typeof (value as NatsConnection).publish === 'function'

/** Where a choice of connection options goes, for messages. */
export function serversOf(options: ConnectionOptions): string {
  return [options.servers ?? (options.port ? `nats://127.0.0.1:${options.port}` : defaultServer())].flat().join(', ')
}

const defaultServer = () => process.env['NATS_URL'] || DEFAULT_SERVER

/**
 * Connects, again and again until there is a server or `signal` is aborted (then it rejects with the last error).
 * What a new attempt would not change, such as wrong credentials, rejects at once. The connection reconnects for ever.
 */
export async function open(
  chosen: ConnectionOptions,
  own: ConnectionOptions,
  signal: AbortSignal,
  onRefused: (error: Error) => void = () => {},
): Promise<NatsConnection> {
  for (;;) {
    try {
      // nats.js changes the options that it is given.
      return await connect({
        servers: defaultServer(),
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
      const { code } = error as NatsError
      if (!PASSING.has(code) || signal.aborted) throw error
      onRefused(error as Error)
      try {
        await sleep(RETRY_MS * (1 + Math.random()), undefined, { signal })
      } catch {
        throw error
      }
    }
  }
}

/**
 * Tells of each loss and return of a connection, until `signal` is aborted or it is closed for good; resolves then, with
 * the error if any.
 */
export async function watch(
  nc: NatsConnection,
  tell: (isConnected: boolean) => void,
  signal?: AbortSignal,
): Promise<Error | undefined> {
  const status: AsyncIterable<{ type: string }> & { stop?(): void } = nc.status()
  signal?.addEventListener('abort', () => status.stop?.())
  void (async () => {
    for await (const { type } of status) {
      if (type === 'disconnect') tell(false)
      else if (type === 'reconnect') tell(true)
    }
  })()
  return (await nc.closed()) ?? undefined
}
