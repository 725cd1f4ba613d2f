// The option `connection`: a connection, or how to make one. It is checked where it enters.
import { MAX_MS } from '../protocol/limits.js'
import { inboxPrefix } from './nats-internals.js'
import type { ConnectionOptions, NatsConnection } from './nats.js'
import { parseServers } from './servers.js'

const DEFAULT_SERVER = 'nats://127.0.0.1:4222'

/** The options of nats.js, by type; those of type `other` are left to it. */
const OPTIONS = {
  boolean:
    'debug ignoreAuthErrorAbort ignoreClusterUpdates noAsyncTraces noEcho noRandomize pedantic reconnect resolve verbose waitOnFirstConnect',
  number:
    'maxPingOut maxReconnectAttempts pingInterval port reconnectJitter reconnectJitterTLS reconnectTimeWait timeout',
  string: 'inboxPrefix name pass token user',
  function: 'reconnectDelayHandler',
  other: 'authenticator servers tls',
}
const TYPES = new Map(Object.entries(OPTIONS).flatMap(([type, names]) => names.split(' ').map(name => [name, type])))

/** Of numbers, where it is another one than that of times and counts. */
const RANGES: Record<string, [least: number, most: number]> = {
  maxReconnectAttempts: [-1, Infinity],
  port: [1, 65_535],
  timeout: [1, MAX_MS],
}

const METHODS = ['publish', 'subscribe', 'request', 'flush', 'status', 'closed', 'close', 'isClosed'] as const

/** Options that are complete and checked: their servers have no credentials. */
export type CheckedOptions = ConnectionOptions & { servers: string[] }

export const isConnection = (value: object): value is NatsConnection =>
  METHODS.every(name => typeof (value as NatsConnection)[name] === 'function')

/** What the inboxes of a connection begin with, if that was said. */
export const inboxPrefixOf = (connection: NatsConnection | CheckedOptions): string | undefined =>
  isConnection(connection) ? inboxPrefix(connection) : connection.inboxPrefix

/**
 * Checks the option. URLs, and `$NATS_URL` where no server is given, may have credentials.
 * @throws {TypeError | RangeError}
 */
export function checkConnection(value: unknown): NatsConnection | CheckedOptions {
  if (typeof value === 'string' || Array.isArray(value)) return checkOptions({ servers: value })
  if (value === undefined) return checkOptions({})
  if (value !== null && typeof value === 'object') {
    if (isConnection(value)) return value
    const prototype: unknown = Object.getPrototypeOf(value)
    // An object of nothing but options: a promise, say, would mean the default server.
    if (prototype === null || Object.getPrototypeOf(prototype) === null) return checkOptions(value)
  }
  const got = value instanceof Promise ? 'a promise: await it' : value === null ? 'null' : typeof value
  throw new TypeError(`expected \`connection\` to be a NatsConnection, options of nats.js or URLs, got ${got}`)
}

function checkOptions(chosen: ConnectionOptions): CheckedOptions {
  const {
    servers: list,
    port,
    ...options
  } = Object.fromEntries(
    Object.entries(chosen).filter(([name, value]) => {
      checkOption(name, value)
      return value !== undefined
    }),
  ) as ConnectionOptions
  if (list !== undefined && port !== undefined)
    throw new TypeError('expected one of `connection.servers` and `connection.port`, got both')
  const { servers, credentials, isTls } =
    list !== undefined
      ? parseServers('servers', list)
      : port !== undefined
        ? parseServers('port', `nats://127.0.0.1:${port}`)
        : parseServers('$NATS_URL', process.env['NATS_URL'] || DEFAULT_SERVER)
  if (credentials && ['user', 'pass', 'token', 'authenticator'].some(name => name in options))
    throw new TypeError('expected credentials in the URL or in options of `connection`, got both')
  if (isTls && options.tls === null) throw new TypeError('expected no `connection.tls: null` with a URL tls://…')
  return { ...(isTls && { tls: {} }), ...options, ...credentials, servers }
}

function checkOption(name: string, value: unknown) {
  const type = TYPES.get(name)
  if (!type) throw new TypeError(`unknown option \`connection.${name}\`; known are ${[...TYPES.keys()].join(', ')}`)
  if (value === undefined || type === 'other') return
  if (typeof value !== type) throw new TypeError(`expected \`connection.${name}\` to be a ${type}, got ${typeof value}`)
  if (type !== 'number') return
  const [least, most] = RANGES[name] ?? [0, MAX_MS]
  if (!((value as number) >= least && (value as number) <= most))
    throw new RangeError(`expected \`connection.${name}\` to be from ${least} to ${most}, got ${String(value)}`)
}
