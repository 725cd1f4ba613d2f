// Opens the NATS connection of an executor or a client, and keeps it.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Known, knownServers } from './addresses.js'
import type { CheckedOptions } from './connection-options.js'
import { dial } from './dial.js'
import { leaveNames, tlsForDials } from './dial-tls.js'
import { type ConnectionOptions, type NatsConnection, type NatsError, connect } from './nats.js'
import { pingParts, reset } from './nats-internals.js'
import { Pings } from './pings.js'
import { dialMs, paceRedials } from './redials.js'
import { putInWords, takesNone } from './refusals.js'
import { unlessRefused } from './why-waiting.js'
import { quicken } from './wire.js'

/** A server that says nothing is given up after this, if it is the only one. */
const DIAL_MS = 5000
/** Between two attempts to connect: this, plus as much again by chance, so that a thousand do not come at once. */
const RETRY_MS = 250
/** Our own pings find a dead server long before those of nats.js, which are there in case that they cannot. */
const PING_MS = 30_000

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

const CLOSED = 'it closes the connection'
/** What comes is no TLS. */
const NO_TLS = 'ERR_SSL_WRONG_VERSION_NUMBER'

/** Where a choice of connection options goes, for messages. */
export const serversOf = ({ servers }: ConnectionOptions) => [servers].flat().join(', ')

export interface OwnOptions extends ConnectionOptions {
  /** Whether it is a member of queue groups: a server must not take an old connection of it for one, too. */
  isMember?: boolean
}

/**
 * Connects, again and again until there is a server or `signal` is aborted; then it rejects at once, with the last error. `onRefused`
 * hears why there is none yet.
 * What a new attempt would not change, such as wrong credentials, rejects at once. The connection reconnects for ever.
 */
export async function open(
  chosen: CheckedOptions,
  { isMember = false, ...own }: OwnOptions,
  signal: AbortSignal,
  onRefused: (error: NatsError) => void = () => {},
): Promise<NatsConnection> {
  const { tls, servers, resolve, timeout: longestMs = DIAL_MS } = chosen
  const options = {
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    reconnectJitter: RETRY_MS,
    reconnectJitterTLS: RETRY_MS,
    pingInterval: PING_MS,
    noAsyncTraces: true,
    ...own,
    ...chosen,
    // This does, in a way that can be ended.
    waitOnFirstConnect: false,
  }
  /** What a server has said against it; next time it may be lost. */
  let known: string | undefined
  for (let last: NatsError | undefined, rounds = 0; ; rounds++) {
    const connectOnce = async ({ servers: found, most }: Known) => {
      // Who begins with TLS at one of several does not know in time which one it is.
      const isLookedUp = resolve ?? (most > 1 || Boolean(tls?.handshakeFirst && found.length > 1))
      const forDials = tls && tlsForDials(tls, found, resolve === undefined && !isLookedUp)
      // nats.js changes the options that it is given.
      const nc = await connect({
        ...options,
        servers: [...found],
        ...(forDials && { tls: forDials }),
        timeout: dialMs(Math.max(servers.length, most), longestMs, rounds),
        resolve: isLookedUp,
      })
      if (forDials) leaveNames(forDials, tls)
      return nc
    }
    let heard: NatsError | undefined
    const onSaid = (text = known) => {
      known = text
      onRefused((heard = takesNone(known ?? CLOSED)))
    }
    try {
      const found = resolve === undefined ? await knownServers(servers, signal) : { servers, most: 1 }
      const attempt = (given: AbortSignal) =>
        dial(
          async () => keep(await connectOnce(found), { servers, resolve, longestMs, isMember }, given),
          given,
          onSaid,
        )
      // Why one lets them wait that is not known, nobody can say.
      const isAsked = found.servers.length === servers.length
      return await (isAsked ? unlessRefused(attempt, servers, tls, signal) : attempt(signal))
    } catch (error) {
      if (signal.aborted) throw heard ?? last ?? error
      const refusal = error as NatsError
      putInWords(refusal, tls)
      // After its greeting it has said without TLS that it takes no connection.
      if (refusal.code === NO_TLS && !tls?.handshakeFirst) heard ??= takesNone(known ?? CLOSED)
      else if (!PASSING.has(refusal.code)) throw error
      onRefused((last = heard ?? refusal))
      await sleep(RETRY_MS * (1 + Math.random()), undefined, { signal }).catch(() => {})
    }
  }
}

function keep(
  nc: NatsConnection,
  { isMember, ...dials }: { servers: string[]; resolve: boolean | undefined; longestMs: number; isMember: boolean },
  signal: AbortSignal,
): NatsConnection {
  // Nobody waits for it any more.
  if (signal.aborted) void nc.close()
  const closed = new AbortController()
  const pings = new Pings(nc, isMember)
  const { roundTripTime } = pings
  void nc.closed().then(() => {
    closed.abort()
    pings.stop()
  })
  const onConnected = () => {
    quicken(nc)
    pings.start()
  }
  paceRedials(nc, { ...dials, roundTripMs: () => roundTripTime.longest, onConnected, signal: closed.signal })
  onConnected()
  void leaveStale(nc)
  return nc
}

/** nats.js leaves a server that answers no ping when that one has taken all that it was sent, which may be never. */
async function leaveStale(nc: NatsConnection) {
  for await (const { type } of nc.status()) if (type === 'staleConnection') reset(pingParts(nc)?.transport.socket)
}

/** Whether a connection takes what is published: not one that its owner drains or has closed. */
export const isOpen = (nc: NatsConnection) => !nc.isClosed() && !nc.isDraining()

/** Whether there is a server at its other end now, as far as is known. */
export const isUp = (nc: NatsConnection) => pingParts(nc)?.connected ?? true

/** Closes a connection when all that was published has arrived, but after `ms` milliseconds at the latest. */
export async function closeWithin(nc: NatsConnection, ms: number): Promise<void> {
  await within(nc.flush(), ms)
  await within(nc.close(), ms)
}

/** Waits for what may hang on a server that does not answer, `ms` milliseconds at most; whether it came to a good end by then. */
export async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const done = work.then(
    () => true,
    () => false,
  )
  const late = sleep(Math.max(0, ms), false, { signal: timer.signal }).catch(() => false)
  const isDone = await Promise.race([done, late])
  timer.abort()
  return isDone
}
