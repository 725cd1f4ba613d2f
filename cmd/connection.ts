// How the commands connect: their options and variables, and contexts of the `nats` command-line client, made into options of a connection.
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { expected, isPrefix } from '../lib/check-options.js'
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator } from '../lib/nats/nats.js'
import { parseServers } from '../lib/nats/servers.js'
import { type Options, UsageError } from './command-line.js'
import { certificates, credentials, privateKey, renewed, userSeed } from './connection-files.js'
import { type Setting, Settings } from './connection-settings.js'
import { printable } from './printable.js'

/** For the help. */
export const CONNECTION_OPTIONS = {
  '--servers <urls>': 'NATS servers, separated by commas (default: $NATS_URL, else nats://127.0.0.1:4222)',
  '--context <name>': 'all of this, from a context of the nats command (default: $NATS_CONTEXT)',
  '--creds <file>': 'credentials, a JWT and its seed (default: $NATS_CREDS)',
  '--nkey <file>': 'the seed of an NKey (default: $NATS_NKEY)',
  '--tls-cert <file>': 'certificate for the server, in PEM (default: $NATS_CERT)',
  '--tls-key <file>': 'its private key (default: $NATS_KEY)',
  '--tls-ca <file>': "authorities for the server's certificate (default: $NATS_CA)",
  '--tls-first': 'begin with TLS, before the server says anything',
  '--inbox-prefix <subject>': 'what its inboxes begin with (default: _INBOX)',
}

/** Who one is, in one of these ways. */
const IDENTITIES = ['creds', 'nkey', 'user', 'token'] as const

/** @throws {UsageError} */
export function connectionOf(options: Options): ConnectionOptions {
  const settings = new Settings(options)
  const servers = settings.get('servers')
  const inboxPrefix = settings.get('inboxPrefix')
  if (inboxPrefix && !isPrefix(inboxPrefix.value))
    throw new UsageError(
      expected(saidAs(inboxPrefix, 'inboxPrefix'), 'a NATS subject without wildcards', inboxPrefix.value),
    )
  if (servers) checkServers(saidAs(servers, 'servers'), servers.value)
  const tls = tlsOf(settings)
  return {
    // That of the variable is read by the library.
    ...(servers && !servers.name.startsWith('$') && { servers: servers.value }),
    ...identityOf(settings),
    ...(tls && { tls }),
    ...(inboxPrefix && { inboxPrefix: inboxPrefix.value }),
  }
}

/** Whoever has not given an option is not told of it. */
const saidAs = ({ name }: Setting, option: string) => (name.startsWith('--') ? option : name)

function checkServers(name: string, urls: string) {
  try {
    parseServers(name, urls)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function identityOf(settings: Settings): ConnectionOptions {
  const url = settings.get('servers')
  const isInUrl = url?.value.includes('@') ?? false
  const given = IDENTITIES.map(kind => ({ kind, ...settings.get(kind)! })).filter(({ value }) => value !== undefined)
  // A flag is what was meant, whatever variables there are.
  const rank = Math.min(isInUrl ? url!.rank : Infinity, ...given.map(each => each.rank))
  const [identity, another] = given.filter(each => each.rank === rank)
  if (!identity) return {}
  if (another) throw new UsageError(`${identity.name} or ${another.name}: a connection has one of them`)
  if (isInUrl) throw new UsageError(`credentials are given twice: in the URL, and by ${identity.name}`)
  if (identity.kind === 'creds') {
    const creds = renewed(identity, credentials)
    return { authenticator: nonce => credsAuthenticator(creds())(nonce) }
  }
  if (identity.kind === 'nkey') {
    const seed = renewed(identity, userSeed)
    return { authenticator: nonce => nkeyAuthenticator(seed())(nonce) }
  }
  const password = settings.get('password')
  // As the `nats` command has it, a user without a password is a token.
  return identity.kind === 'user' && password
    ? { user: identity.value, pass: password.value }
    : { token: identity.value }
}

function tlsOf(settings: Settings): ConnectionOptions['tls'] {
  const [cert, key, ca] = (['tlsCert', 'tlsKey', 'tlsCa'] as const).map(name => settings.get(name))
  const isFirst = settings.isTlsFirst
  if (cert && !key) throw new UsageError(`${cert.name} needs --tls-key, the private key of the certificate`)
  if (key && !cert) throw new UsageError(`${key.name} needs --tls-cert, the certificate of the key`)
  if (!cert && !ca && !isFirst) return undefined
  const tls: NonNullable<ConnectionOptions['tls']> = isFirst ? { handshakeFirst: true } : {}
  if (cert && key) {
    const [readCert, readKey] = [renewed(cert, certificates), renewed(key, privateKey)]
    let pair = { cert: readCert(), key: readKey() }
    if (!isPair(pair))
      throw new UsageError(`${key.name} ${printable(key.value)} is not the private key of ${printable(cert.value)}`)
    // They are renewed one after the other. Who reads them begins with the certificate.
    const renewedCert = () => {
      const read = { cert: readCert(), key: readKey() }
      if (isPair(read)) pair = read
      return pair.cert
    }
    Object.defineProperties(tls, {
      cert: { get: renewedCert, enumerable: true },
      key: { get: () => pair.key, enumerable: true },
    })
  }
  if (ca) Object.defineProperty(tls, 'ca', { get: renewed(ca, certificates), enumerable: true })
  return tls
}

const isPair = ({ cert, key }: { cert: string; key: string }) =>
  new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
