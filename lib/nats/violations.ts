// Tells of what the server refuses: nats.js hands on what it says of publishing, and of limits, in the connection's status alone.
import { lastError } from './nats-internals.js'
import type { NatsConnection } from './nats.js'
import { SHUTS_OUT } from './refusals.js'

export interface Violation {
  operation: 'publish' | 'subscription'
  subject: string
  queue?: string | undefined
}

export interface Refusals {
  /** It does not allow a subject. */
  violation?(violation: Violation): void
  /** It says anything else against the connection, in its own words, which name no subject. */
  said?(text: string): void
  /** It is dialled again. */
  dialled?(): void
}

type Status = AsyncIterable<{
  type: string
  data?: unknown
  permissionContext?: Violation
  error?: Partial<Violation> & Partial<Error>
}> & { stop?(): void }

/** Of these tells the connection's end; the last one is what newer versions of nats.js call them. */
const ENDS: readonly unknown[] = [...SHUTS_OUT, 'AuthorizationError']

/** Whether a server says that a connection has as many subscriptions as it may have. */
export const isSubscriptionLimit = (text: string) => /maximum .*subscriptions/i.test(text)

/** It puts what it says into quotes. */
const withoutQuotes = (text: string) => text.replace(/^'(.*)'$/, '$1')

/** Tells of each refusal until `signal` is aborted. */
export function refusalsOf(nc: NatsConnection, signal: AbortSignal, refusals: Refusals) {
  if (signal.aborted) return
  const status = nc.status() as Status
  signal.addEventListener('abort', () => status.stop?.(), { once: true })
  void hear(nc, status, refusals)
}

async function hear(nc: NatsConnection, status: Status, refusals: Refusals) {
  for await (const { type, data, permissionContext, error } of status) {
    const { operation, subject, queue } = permissionContext ?? error ?? {}
    if (operation !== undefined && subject !== undefined) refusals.violation?.({ operation, subject, queue })
    else if (type === 'reconnecting') refusals.dialled?.()
    else if (type === 'error' && !ENDS.includes(error?.name ?? data))
      refusals.said?.(withoutQuotes((error ?? lastError(nc))?.message ?? String(data)))
  }
}
