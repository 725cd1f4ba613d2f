// Where to connect to, as people write it: `nats://user:password@host:port`, several separated by commas.

/** What a list of servers says; `servers` are without credentials. */
export interface Servers {
  servers: string[]
  /** Those of all servers, since nats.js authenticates a connection. */
  credentials: { user: string; pass: string } | { token: string } | undefined
  isTls: boolean
}

const SCHEME = /^([a-z][a-z\d+.-]*):\/\//i
/** What follows the scheme: credentials, host, port. What stands before the last `@` are the credentials. */
const SERVER = /^(?:(.*)@)?(\[[\da-f:.]+\]|[^\s:/?#@[\]\\]+)(?::(\d+))?\/?$/is

/**
 * Reads a list of servers; `name` is the option that it comes from.
 * @throws {TypeError} for what is no text
 * @throws {RangeError} for a text that names no server
 */
export function parseServers(name: string, list: unknown): Servers {
  const texts = [list].flat()
  if (!texts.every(text => typeof text === 'string'))
    throw new TypeError(`expected \`${name}\` to be a URL or an array of URLs, got ${texts.map(text => typeof text)}`)
  const fail = (what: string): never => {
    throw new RangeError(`expected \`${name}\` to be ${what}, got "${withoutCredentials(texts.join(','))}"`)
  }
  const servers = texts.flatMap(text => text.split(',')).map(text => parseServer(text.trim()))
  const known = servers.map(server => server?.credentials).filter(found => found !== undefined)
  const [credentials] = known
  if (servers.length === 0 || servers.includes(undefined))
    fail('URLs like nats://host:4222 or tls://host, in a password % as %25 and a comma as %2C')
  if (known.some(other => JSON.stringify(other) !== JSON.stringify(credentials)))
    fail('URLs with the same credentials, since a connection has one set of them')
  return { servers: servers.map(server => server!.url), credentials, isTls: servers.some(server => server!.isTls) }
}

function parseServer(text: string) {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase() ?? 'nats'
  const [, userInfo, host, port] = SERVER.exec(text.replace(SCHEME, '')) ?? []
  const isKnown = (scheme === 'nats' || scheme === 'tls') && host !== undefined
  const authority = port === undefined ? host : `${host}:${port}`
  if (!isKnown || Number(port) === 0 || !URL.canParse(`http://${authority}`)) return undefined
  const credentials = userInfo === undefined ? undefined : parseCredentials(userInfo)
  return credentials === null ? undefined : { url: `${scheme}://${authority}`, credentials, isTls: scheme === 'tls' }
}

/** `null` if they are none. */
function parseCredentials(text: string) {
  const colon = text.indexOf(':')
  try {
    if (colon < 0) return text === '' ? null : { token: decodeURIComponent(text) }
    const [user, pass] = [text.slice(0, colon), text.slice(colon + 1)].map(decodeURIComponent) as [string, string]
    return user === '' ? null : { user, pass }
  } catch {
    return null
  }
}

/** Of a URL without credentials. */
export const hostOf = (server: string) => new URL(server).hostname.replace(/^\[|\]$/g, '')

/** What is safe to show of a text that should be a URL: nothing before an `@`, nor a port that is no number. */
const withoutCredentials = (text: string) =>
  text.replace(/^([a-z]+:\/\/)?.*@/is, '$1…@').replace(/:(?!\/\/|\d+\b).*/s, ':…')
