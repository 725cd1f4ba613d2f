// Says in words of its own why there is no connection, where nats.js hands on those of OpenSSL.
import { ErrorCode, NatsError, type TlsOptions } from './nats.js'

/** What a server says of somebody whom it shuts out, of which the connection's end tells as well. */
export const SHUTS_OUT: readonly unknown[] = [
  ErrorCode.AuthorizationViolation,
  ErrorCode.AuthenticationExpired,
  ErrorCode.AccountExpired,
]

const TAKES_NONE = 'TAKES_NO_CONNECTION'

/** A server is there, and takes no connection now, as when it has as many as it may have. */
export const takesNone = (text: string) => new NatsError(text, TAKES_NONE)

/** Whether an error is that. */
export const isFull = (error: unknown) => error instanceof NatsError && error.code === TAKES_NONE

/** Why there is no connection, as far as is known; `at` is where. */
export const noConnection = (at: string, error: unknown) =>
  isFull(error) ? `the nats-server${at} takes no connection: ${(error as Error).message}` : `no nats-server${at}`

/** What a peer of TLS says against a certificate, or the lack of one. */
const AGAINST_CERTIFICATE = /_ALERT_(.*CERTIFICATE.*|UNKNOWN_CA|ACCESS_DENIED)$/
/** Servers of TLS 1.2 say no more than that when a certificate is missing. */
const HANDSHAKE_FAILURE = 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'
/** What Node has against the certificate of a server. */
const NOT_TRUSTED = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CRL_|INVALID_|PATH_LENGTH_)/

/** What a server of TLS says that is told by `code`. */
export const isAlert = ({ code }: { code?: string }) => code?.includes('_ALERT_') ?? false

/** Changes the message of what a dial failed with. */
export function putInWords(error: NatsError & { reason?: string }, tls: TlsOptions | null | undefined) {
  error.message = inWords(error, Boolean(tls?.cert ?? tls?.certFile)) ?? error.message
}

function inWords({ code, message, reason }: NatsError & { reason?: string }, hasCertificate: boolean) {
  if (code === 'AUTHENTICATION_EXPIRED') return 'the credentials have expired'
  if (code === 'ACCOUNT_EXPIRED') return 'the account has expired'
  if (code === 'SERVER_OPT_NA') return `the server does not offer ${message}`
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'the server does not begin with TLS'
  if (code === 'CERT_HAS_EXPIRED') return "the server's certificate has expired"
  if (NOT_TRUSTED.test(code)) return `the server's certificate is not trusted: ${message}`
  if (AGAINST_CERTIFICATE.test(code))
    return hasCertificate
      ? `the server does not accept the certificate of this client: ${reason}`
      : 'the server wants a certificate of this client'
  if (code === HANDSHAKE_FAILURE && !hasCertificate) return `${reason}: it may want a certificate of this client`
  return code?.startsWith('ERR_SSL_') ? reason : undefined
}
