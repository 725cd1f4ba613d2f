// What a person can do about a connection that is refused, where the words of the refusal do not say it.
import { X509Certificate } from 'node:crypto'
import type { ConnectionOptions } from '../lib/nats/nats.js'

/** What Node says of a certificate whose authority it does not know. */
const UNKNOWN_AUTHORITY = /^(UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|.*SELF_SIGNED_CERT.*)$/

/** To be added to the message of an error of a connection. */
export function remedyOf({ cause }: Error, options: ConnectionOptions): string {
  const { code } = (cause ?? {}) as { code?: unknown }
  // Errors of the web's interfaces, such as those of an abort, have numbers.
  const text = typeof code === 'string' ? remedy(code, options) : ''
  return text && ` (${text})`
}

function remedy(code: string, { servers, authenticator, user, token, tls }: ConnectionOptions): string {
  if (code === 'TLS_FIRST') return 'try --tls-first'
  if (UNKNOWN_AUTHORITY.test(code)) return 'its authority is named by --tls-ca'
  if (code.includes('_ALERT_')) return certificateRemedy(tls?.cert)
  if (code !== 'AUTHORIZATION_VIOLATION' && code !== 'AUTHENTICATION_EXPIRED') return ''
  if (typeof authenticator === 'function') return expiryOf(authenticator)
  const urls = String(servers ?? process.env['NATS_URL'] ?? '')
  return user !== undefined || token !== undefined || urls.includes('@')
    ? ''
    : 'credentials are given with --creds, --nkey or --context, in $NATS_USER and $NATS_PASSWORD, or in the URL'
}

type Authenticator = Extract<ConnectionOptions['authenticator'], (...args: never[]) => unknown>

/** Servers do not say that a JWT is refused since it has expired. */
function expiryOf(authenticator: Authenticator): string {
  const { jwt = '' } = (authenticator('') ?? {}) as { jwt?: string }
  try {
    const { exp } = JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString()) as { exp?: number }
    return exp && exp * 1000 < Date.now() ? `its JWT has expired on ${new Date(exp * 1000).toUTCString()}` : ''
  } catch {
    return ''
  }
}

function certificateRemedy(cert: string | undefined): string {
  if (!cert) return 'one is given with --tls-cert and --tls-key'
  const { validTo } = new X509Certificate(cert)
  return Date.parse(validTo) < Date.now() ? `it has expired on ${validTo}` : ''
}
