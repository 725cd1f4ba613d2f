// What a server does not allow an executor, as one writes it into the server's configuration: for all executors of the service, not
// for one, and a right a line.
import type { Violation } from '../nats/violations.js'
import { DEFAULT_INBOX_PREFIX } from '../protocol/subjects.js'

/** Whoever may subscribe to all inboxes reads everybody's replies. */
const RATHER = ', or better inboxes of its own (--inbox-prefix)'

/** Its message has several lines. */
export class MissingRights extends Error {
  constructor(rights: Iterable<string>) {
    const lines = [...new Set(rights)].map(right => `\n  ${right}`)
    super(`the server's permissions of this user lack (docs/permissions.md):${lines.join('')}`)
  }
}

/** `inboxPrefixes`: what may stand before the rest of an inbox. */
export function rightOf(
  { operation, subject, queue }: Violation,
  executorId: string,
  inboxPrefixes: readonly string[],
): string {
  const prefix = inboxPrefixes.find(each => subject.startsWith(`${each}.`))
  const all =
    prefix === undefined ? subject.replace(/^\$SRV\.[A-Z]+/, '$SRV.*').replace(`.${executorId}`, '.*') : `${prefix}.>`
  const verb = operation === 'publish' ? operation : 'subscribe'
  const right = `${verb}: "${queue === undefined ? all : `${all} ${queue}`}"`
  return verb === 'subscribe' && prefix === DEFAULT_INBOX_PREFIX ? right + RATHER : right
}
