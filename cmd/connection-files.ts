// What is in the files that a connection is made with: credentials, seeds, certificates and keys.
//
// What is wrong with a file is a line at the start. Each connection reads the files anew, since certificates and credentials are
// renewed; while one is not as it should be, as when it is just being written, what was read last is used.
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { statSync } from 'node:fs'
import { credsAuthenticator, nkeyAuthenticator } from '../lib/nats/nats.js'
import { UsageError } from './command-line.js'
import type { Setting } from './connection-settings.js'
import { printable } from './printable.js'
import { readFile } from './read-file.js'
import { reason } from './reason.js'

const MOST_BYTES = 1024 * 1024
const CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs

/** Reads a file again whenever it is called. */
export function renewed<Content>({ name, value: path }: Setting, parse: (text: string) => Content): () => Content {
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

export function credentials(text: string): Uint8Array {
  // nats.js knows only lines that end as they do on Unix, the last one, too.
  const creds = Buffer.from(`${text.replaceAll('\r\n', '\n')}\n`)
  orElse(() => credsAuthenticator(creds)('nonce'), 'it has no credentials, a JWT and a seed as nsc writes them')
  return creds
}

export function userSeed(text: string): Uint8Array {
  const message = 'it has no seed of a user, such as SU…'
  const [found] = /\bSU[A-Z2-7]{56}\b/.exec(text) ?? []
  if (!found) throw new Error(message)
  const seed = Buffer.from(found)
  orElse(() => nkeyAuthenticator(seed)('nonce'), message)
  return seed
}

export function certificates(text: string): string {
  const found = text.match(CERTIFICATE) ?? []
  if (found.length === 0) throw new Error('it has no certificate in PEM')
  for (const each of found) orElse(() => new X509Certificate(each), 'a certificate in it cannot be read')
  return text
}

export function privateKey(text: string): string {
  if (text.includes('ENCRYPTED')) throw new Error('it is encrypted: give a key without a passphrase')
  orElse(() => createPrivateKey(text), 'it has no private key in PEM')
  return text
}
