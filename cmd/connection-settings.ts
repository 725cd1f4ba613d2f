// Where each setting of a connection comes from: an option, else the context that an option names, else a variable, else the context that
// a variable names. Contexts are those of the `nats` command-line client, as `nats context add` writes them.
import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Options, UsageError } from './command-line.js'
import { printable } from './printable.js'
import { readFile } from './read-file.js'
import { reason } from './reason.js'

/** By their names in a context; those of files may begin with `~/`. */
const NAMES = {
  servers: { key: 'url', variable: 'NATS_URL', flag: '--servers' },
  user: { key: 'user', variable: 'NATS_USER' },
  password: { key: 'password', variable: 'NATS_PASSWORD' },
  token: { key: 'token' },
  creds: { key: 'creds', variable: 'NATS_CREDS', flag: '--creds' },
  nkey: { key: 'nkey', variable: 'NATS_NKEY', flag: '--nkey' },
  tlsCert: { key: 'cert', variable: 'NATS_CERT', flag: '--tls-cert' },
  tlsKey: { key: 'key', variable: 'NATS_KEY', flag: '--tls-key' },
  tlsCa: { key: 'ca', variable: 'NATS_CA', flag: '--tls-ca' },
  inboxPrefix: { key: 'inbox_prefix', flag: '--inbox-prefix' },
} as const satisfies Record<string, { key: string; variable?: string; flag?: string }>
/** What a context may say that cannot be done here. */
const UNKNOWN = ['nsc', 'user_jwt', 'socks_proxy']
const FILES: readonly string[] = ['creds', 'nkey', 'cert', 'key', 'ca']
const MOST_BYTES = 1024 * 1024

export interface Setting {
  /** As one has given it, for messages. */
  name: string
  value: string
  /** The least one counts. */
  rank: number
}

type Content = Record<string, unknown>

export class Settings {
  readonly #options: Options
  readonly #context: { name: string; content: Content; rank: number } | undefined

  /** @throws {UsageError} */
  constructor(options: Options) {
    this.#options = options
    const chosen = options.text('context')
    const name = chosen ?? (process.env['NATS_CONTEXT'] || undefined)
    if (name === undefined) return
    const content = readContext(name, chosen === undefined ? '$NATS_CONTEXT' : '--context')
    this.#context = { name: printable(name), content, rank: chosen === undefined ? 3 : 1 }
  }

  get(name: keyof typeof NAMES): Setting | undefined {
    const { key, variable, flag }: { key: string; variable?: string; flag?: string } = NAMES[name]
    const all: (Partial<Setting> | undefined)[] = [
      { name: flag!, value: flag && this.#options.text(name), rank: 0 },
      this.#inContext(key),
      { name: `$${variable}`, value: (variable && process.env[variable]) || undefined, rank: 2 },
    ]
    const given = all.filter(each => each?.value !== undefined) as Setting[]
    return given.toSorted((a, b) => a.rank - b.rank)[0]
  }

  get isTlsFirst(): boolean {
    return this.#options.isOn('tlsFirst') || this.#context?.content['tls_first'] === true
  }

  #inContext(key: string): Setting | undefined {
    if (!this.#context) return undefined
    const { name, content, rank } = this.#context
    const text = content[key]
    if (text === undefined || text === '') return undefined
    if (typeof text !== 'string') throw new UsageError(`${key} of context ${name}: it is no text`)
    const value = FILES.includes(key) ? text.replace(/^~(?=\/)/, homedir()) : text
    return { name: `${key} of context ${name}`, value, rank }
  }
}

function readContext(name: string, by: string): Content {
  const folder = join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'nats', 'context')
  const wrong = (what: string) => new UsageError(`${by} ${printable(name)}: ${what}`)
  if (name === '' || name.includes('/') || name.includes('..')) throw wrong('a context is given by its name')
  let context: Content
  try {
    context = JSON.parse(new TextDecoder().decode(readFile(join(folder, `${name}.json`), MOST_BYTES))) as Content
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw wrong(`no such context in ${folder}${otherContexts(folder)}`)
    throw wrong(error instanceof SyntaxError ? 'it is not JSON' : reason(error as Error))
  }
  if (typeof context !== 'object' || context === null || Array.isArray(context)) throw wrong('it is no context')
  const unknown = UNKNOWN.find(key => context[key])
  if (unknown) throw wrong(`it has \`${unknown}\`, which is not known here`)
  return context
}

function otherContexts(folder: string): string {
  try {
    const names = readdirSync(folder).flatMap(file => file.match(/^(.+)\.json$/)?.[1] ?? [])
    return names.length > 0 ? `; there are ${names.map(name => printable(name)).join(', ')}` : ''
  } catch {
    return ''
  }
}
