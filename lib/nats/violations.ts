// Tells of what the server does not allow: of publishing it tells in the connection's status alone.
import type { NatsConnection } from './nats.js'

export interface Violation {
  operation: 'publish' | 'subscription'
  subject: string
  queue?: string | undefined
}

type Status = AsyncIterable<{ permissionContext?: Violation; error?: Partial<Violation> }> & { stop?(): void }

/** Tells of each violation until `signal` is aborted. */
export function violationsOf(nc: NatsConnection, signal: AbortSignal, tell: (violation: Violation) => void) {
  if (signal.aborted) return
  const status = nc.status() as Status
  signal.addEventListener('abort', () => status.stop?.(), { once: true })
  void hear(status, tell)
}

async function hear(status: Status, tell: (violation: Violation) => void) {
  for await (const { permissionContext, error } of status) {
    const { operation, subject, queue } = permissionContext ?? error ?? {}
    if (operation !== undefined && subject !== undefined) tell({ operation, subject, queue })
  }
}
