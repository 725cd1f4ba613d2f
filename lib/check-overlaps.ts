// Subjects that must not be in each other's way. Whoever sends a request names the inbox that an executor publishes to: so nothing may
// be heard under an inbox prefix but replies, and nobody may hear them but who asks.
import { expected } from './check-options.js'
import { DEFAULT_INBOX_PREFIXES, DEFAULT_PREFIX } from './protocol/subjects.js'

export interface ChosenSubjects {
  service: string
  prefix: string
  /** What its own inboxes begin with, and those of others. */
  inboxPrefix: string | undefined
  inboxPrefixes?: readonly string[]
}

type Place = readonly [prefix: string, what: string]
const where = (prefix: string, what: string): Place => [prefix, `where ${what}`]

const SERVERS: Place[] = ['$JS', '$SRV', '$SYS'].map(prefix => [prefix, 'which is for what NATS says itself'])

/** @throws {RangeError} for one that is another one, or lies under it. */
export function checkOverlaps({ service, prefix, inboxPrefix, inboxPrefixes = [] }: ChosenSubjects) {
  const chosen = inboxPrefixes.map(each => ['inboxPrefixes', each] as const)
  const inboxes = inboxPrefix === undefined ? chosen : [['inboxPrefix', inboxPrefix] as const, ...chosen]
  const replies = [...DEFAULT_INBOX_PREFIXES, ...inboxes.map(([, each]) => each)].map(inbox =>
    where(inbox, 'replies go'),
  )
  const usual = where(DEFAULT_PREFIX, 'executors are asked')
  const ours = where(prefix, 'executors are asked')
  for (const [name, inbox] of inboxes) outside(name, inbox, [usual, ...SERVERS])
  outside('prefix', prefix, [...replies, ...SERVERS])
  for (const [name, inbox] of inboxes) outside(name, inbox, [ours])
  outside('service', service, [...replies, usual, ours])
}

function outside(name: string, value: string, places: Place[]) {
  for (const [place, what] of places)
    if (value === place || value.startsWith(`${place}.`))
      throw new RangeError(expected(name, `outside of "${place}", ${what}`, value))
}
