// How the commands connect: options and variables as the `nats` command-line client has them, made into options of a connection.
//
// What is wrong with a file is a line at the start. Each connection reads the files anew, since certificates and credentials are
// renewed; while one is not as it should be, as when it is just being written, what was read last is used.
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { statSync } from 'node:fs'
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator } from '../lib/nats/nats.js'
import { type Options, UsageError } from './command-line.js'
import { printable } from './printable.js'
import { readFile } from './read-file.js'
import { reason } from './reason.js'

/** For the help. */
export const CONNECTION_OPTIONS = {
  '--servers <urls>': 'NATS servers, separated by commas (default: $NATS_URL, else nats://127.0.0.1:4222)',
  '--creds <file>': 'credentials, a JWT and its seed (default: $NATS_CREDS)',
  '--nkey <file>': 'the seed of an NKey (default: $NATS_NKEY)',
  '--tls-cert <file>': 'certificate for the server, in PEM (default: $NATS_CERT)',
  '--tls-key <file>': 'its private key (default: $NATS_KEY)',
  '--tls-ca <file>': "authorities for the server's certificate (default: $NATS_CA)",
  '--tls-first': 'begin with TLS, before the server says anything',
}

const VARIABLES = { creds: 'NATS_CREDS', nkey: 'NATS_NKEY', tlsCert: 'NATS_CERT', tlsKey: 'NATS_KEY', tlsCa: 'NATS_CA' }
const FLAGS = { creds: '--creds', nkey: '--nkey', tlsCert: '--tls-cert', tlsKey: '--tls-key', tlsCa: '--tls-ca' }
/** Of a file. */
const MOST_BYTES = 1024 * 1024
const CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs

/** @throws {UsageError} */
export function connectionOf(options: Options): ConnectionOptions {
  const servers = options.text('servers')
  const authenticator = authenticatorOf(options, servers ?? process.env['NATS_URL'] ?? '')
  const tls = tlsOf(options)
  return {
    ...(servers !== undefined && { servers }),
    ...(authenticator && { authenticator }),
    ...(tls && { tls }),
  }
}

interface Source {
  /** As one has given it. */
  name: string
  path: string
  isFlag: boolean
}

function sourceOf(options: Options, name: keyof typeof FLAGS): Source | undefined {
  const path = options.text(name)
  if (path !== undefined) return { name: FLAGS[name], path, isFlag: true }
  const set = process.env[VARIABLES[name]]
  return set ? { name: `$${VARIABLES[name]}`, path: set, isFlag: false } : undefined
}

function authenticatorOf(options: Options, urls: string): ConnectionOptions['authenticator'] {
  const all = [sourceOf(options, 'creds'), sourceOf(options, 'nkey')].filter(source => source !== undefined)
  // A flag is what was meant, whatever variables there are.
  const given = all.some(({ isFlag }) => isFlag) ? all.filter(({ isFlag }) => isFlag) : all
  const [source, another] = given
  if (!source) return undefined
  if (another) throw new UsageError(`${source.name} or ${another.name}: a connection has one of them`)
  if (urls.includes('@')) throw new UsageError(`credentials are given twice: in the URL, and by ${source.name}`)
  if (source.name === FLAGS.creds || source.name === `$${VARIABLES.creds}`) {
    const creds = renewed(source, credentials)
    return nonce => credsAuthenticator(creds())(nonce)
  }
  const seed = renewed(source, userSeed)
  return nonce => nkeyAuthenticator(seed())(nonce)
}

function tlsOf(options: Options): ConnectionOptions['tls'] {
  const [cert, key, ca] = (['tlsCert', 'tlsKey', 'tlsCa'] as const).map(name => sourceOf(options, name))
  const isFirst = options.isOn('tlsFirst')
  if (cert && !key) throw new UsageError(`${cert.name} needs --tls-key, the private key of the certificate`)
  if (key && !cert) throw new UsageError(`${key.name} needs --tls-cert, the certificate of the key`)
  if (!cert && !ca && !isFirst) return undefined
  const tls: NonNullable<ConnectionOptions['tls']> = isFirst ? { handshakeFirst: true } : {}
  if (cert && key) {
    const [readCert, readKey] = [renewed(cert, certificates), renewed(key, privateKey)]
    let pair = { cert: readCert(), key: readKey() }
    if (!isPair(pair))
      throw new UsageError(`${key.name} ${printable(key.path)} is not the private key of ${printable(cert.path)}`)
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

/** Reads a file again whenever it is called. */
function renewed<Content>({ name, path }: Source, parse: (text: string) => Content): () => Content {
  const read = () => parse(new TextDecoder().decode(readFile(path, MOST_BYTES)))
  let content: Content
  let isAgain: boolean
  try {
    content = read()
    // What a pipe had is gone.
    isAgain = statSync(path).isFile()
  } catch (error) {
    throw new UsageError(`${name} ${printable(path)}: ${reason(error as Error)}`)
  }
  return () => {
    try {
      if (isAgain) content = read()
    } catch {}
    return content
  }
}

/** Errors say nothing of what is in a file. */
function orElse<Value>(make: () => Value, message: string): Value {
  try {
    return make()
  } catch {
    throw new Error(message)
  }
}

function credentials(text: string): Uint8Array {
  // nats.js knows only lines that end as they do on Unix, the last one, too.
  const creds = Buffer.from(`${text.replaceAll('\r\n', '\n')}\n`)
  orElse(() => credsAuthenticator(creds)('nonce'), 'it has no credentials, a JWT and a seed as nsc writes them')
  return creds
}

function userSeed(text: string): Uint8Array {
  const message = 'it has no seed of a user, such as SU…'
  const [found] = /\bSU[A-Z2-7]{56}\b/.exec(text) ?? []
  if (!found) throw new Error(message)
  const seed = Buffer.from(found)
  orElse(() => nkeyAuthenticator(seed)('nonce'), message)
  return seed
}

function certificates(text: string): string {
  const found = text.match(CERTIFICATE) ?? []
  if (found.length === 0) throw new Error('it has no certificate in PEM')
  for (const each of found) orElse(() => new X509Certificate(each), 'a certificate in it cannot be read')
  return text
}

function privateKey(text: string): string {
  if (text.includes('ENCRYPTED')) throw new Error('it is encrypted: give a key without a passphrase')
  orElse(() => createPrivateKey(text), 'it has no private key in PEM')
  return text
}
