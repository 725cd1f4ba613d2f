// Subjects, and what a subject, a queue group and a request id may look like.

/** What our own subjects begin with, unless an option says otherwise. */
export const DEFAULT_PREFIX = '_EXEC'

/** What the inboxes of a connection begin with, unless it was told otherwise. */
export const DEFAULT_INBOX_PREFIX = '_INBOX'

/** What inboxes begin with: those of clients, and what a server makes of those of other accounts. */
export const DEFAULT_INBOX_PREFIXES: readonly string[] = [DEFAULT_INBOX_PREFIX, '_R_']

/** The subjects of one service beside that of its requests. Each is subscribed once, none comes or goes with a request. */
export class Subjects {
  /** Where any executor answers clients that do not know who holds their requests. */
  readonly find: string
  /** Where executors hear who the matchmaker is. */
  readonly pool: string
  /** Where the matchmaker gets reports. */
  readonly match: string
  readonly #hold: string
  readonly #peer: string

  constructor(prefix: string, queue: string, service: string) {
    this.find = `${prefix}.find.${service}`
    this.pool = `${prefix}.pool.${queue}.${service}`
    this.match = `${prefix}.match.${queue}.${service}`
    this.#hold = `${prefix}.hold.${service}.`
    this.#peer = `${prefix}.peer.${queue}.${service}.`
  }

  /** Where an executor answers clients whose requests it holds. */
  hold(executorId: string) {
    return this.#hold + executorId
  }

  /** Where an executor gets orders, and requests of others. Only executors may publish there. */
  peer(executorId: string) {
    return this.#peer + executorId
  }
}

const FUNCTION = /^[A-Za-z0-9_$-]{1,64}$/
/** Whether it may be the name of a function; that of a default export is ''. */
export const isFunctionName = (text: unknown): boolean => typeof text === 'string' && FUNCTION.test(text)

/** The subject of a function's requests. */
export const functionSubject = (service: string, name: string) => (name === '' ? service : `${service}.${name}`)

/** A subject as an ADR-32 name. */
export const serviceName = (subject: string) => subject.replace(/[^A-Za-z0-9_-]/g, '_')

const ID = /^[A-Za-z0-9_-]{1,64}$/
/** Whether it may be the id or the key of a request, the id of an executor, or a queue group. */
export const isId = (text: unknown): boolean => typeof text === 'string' && ID.test(text)

const SUBJECT = /^[^\s.*>$][^\s.*>]*(\.[^\s.*>]+)*$/
export const isSubject = (text: string) => SUBJECT.test(text) && text.length <= 200

/** Under one of the prefixes, without empty tokens and wildcards; other reply subjects are never published to. */
export function isInbox(text: string, prefixes: readonly string[]): boolean {
  return text.length <= MAX_INBOX && INBOX.test(text) && prefixes.some(prefix => isUnder(text, prefix))
}

/** What is wrong with the reply subject of a message. It is the same for all of them: a flood is summed up. */
export function notAnInbox(prefixes: readonly string[]): string {
  const beginnings = [...new Set(prefixes)].map(prefix => `${prefix}.`).join(', ')
  return `whose reply subject is no inbox, which begins with one of ${beginnings} (inboxPrefixes, --inbox-prefixes)`
}

/** Of an inbox which prefix executors have to be told of; undefined if they answer there by default. */
export function unusualPrefix(inbox: string): string | undefined {
  if (DEFAULT_INBOX_PREFIXES.some(prefix => isUnder(inbox, prefix))) return undefined
  return inbox.split('.')[0]
}

const MAX_INBOX = 256
const INBOX = /^[^\s.*>]+(\.[^\s.*>]+)+$/

const isUnder = (text: string, prefix: string) => text.startsWith(prefix) && text[prefix.length] === '.'
