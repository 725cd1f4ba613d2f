// Finds out why a server lets a dial wait, where nats.js hears nothing of it: with TLS 1.3 a server refuses the certificate of a client
// when nats.js has turned away from the errors of the socket; and a server that begins with TLS waits for it, as nats.js does for its
// first line.
//
// It dials once more, and sends nothing but what TLS begins with. Each step of it ends in time, or with `signal`.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type Socket, connect, isIP } from 'node:net'
import { type TLSSocket, connect as connectTls } from 'node:tls'
import { NatsError, type TlsOptions } from './nats.js'
import { isAlert } from './refusals.js'
import { hostOf } from './servers.js'

/** A dial that takes longer is asked about. A nats-server that waits for TLS to begin closes after 2 s. */
const ASK_MS = 750
/** How long to wait for a server's first word, and for what it has against a certificate. */
const WORD_MS = 500
const HAS_TLS = /"tls_(required|available)": *true/

/**
 * Runs what dials, which `signal` ends. If that takes long, the servers are asked; if each of them has a reason that will not go away,
 * it is ended with that.
 */
export async function unlessRefused<Connected>(
  dial: (signal: AbortSignal) => Promise<Connected>,
  servers: readonly string[],
  tls: TlsOptions | null | undefined,
  signal: AbortSignal,
): Promise<Connected> {
  const [given, over] = [new AbortController(), new AbortController()]
  const end = () => given.abort(signal.reason)
  if (signal.aborted) end()
  signal.addEventListener('abort', end)
  const look = () =>
    void Promise.all(servers.map(server => ask(server, tls, over.signal).catch(() => undefined))).then(
      reasons => reasons.every(Boolean) && given.abort(reasons[0]),
    )
  // Of those that nats.js begins with TLS it hears all.
  const timer = tls === null || tls?.handshakeFirst ? undefined : setTimeout(look, ASK_MS)
  try {
    return await dial(given.signal)
  } finally {
    clearTimeout(timer)
    over.abort()
    signal.removeEventListener('abort', end)
  }
}

async function ask(
  server: string,
  tls: TlsOptions | null | undefined,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const host = hostOf(server)
  const socket = connect(Number(new URL(server).port) || 4222, host)
  const end = () => socket.destroy()
  signal.addEventListener('abort', end)
  try {
    const greeting = await firstWord(socket)
    if (socket.destroyed || (greeting !== undefined && !HAS_TLS.test(greeting))) return undefined
    const secure = connectTls({
      ...optionsOf(tls),
      socket,
      ...(isIP(host) === 0 && { servername: host }),
      // Nothing is told to it, and nats.js looks at its certificate.
      rejectUnauthorized: false,
    })
    // It may come when nobody waits for it any more.
    secure.on('error', () => {})
    if (greeting !== undefined) return await alertOf(secure)
    const isTls = await once(secure, 'secureConnect', { signal }).then(() => true, isAlert)
    return isTls ? new NatsError('the server begins with TLS', 'TLS_FIRST') : undefined
  } finally {
    signal.removeEventListener('abort', end)
    socket.destroy()
  }
}

/** Undefined if it says nothing. */
function firstWord(socket: Socket): Promise<string | undefined> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, WORD_MS, undefined)
    const over = (data?: Buffer) => {
      clearTimeout(timer)
      resolve(data?.toString())
    }
    socket
      .once('data', over)
      .on('error', () => {})
      .once('close', () => over())
  })
}

/** What it has against TLS with this client; undefined if it says nothing. */
function alertOf(socket: TLSSocket): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise(resolve => {
    let timer: NodeJS.Timeout | undefined
    socket
      .once('secureConnect', () => (timer = setTimeout(() => resolve(undefined), WORD_MS)))
      .on('error', error => resolve(isAlert(error) ? error : undefined))
      .once('close', () => {
        clearTimeout(timer)
        resolve(undefined)
      })
      .resume()
  })
}

/** Those of nats.js as Node has them. */
function optionsOf(tls: TlsOptions | null | undefined) {
  const { certFile, keyFile, ...options } = tls ?? {}
  return {
    ...options,
    ...(certFile && { cert: readFileSync(certFile) }),
    ...(keyFile && { key: readFileSync(keyFile) }),
  }
}
