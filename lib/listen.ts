// Subscriptions whose callbacks may fail: nats.js reads nothing more from a connection once one of them has thrown.
import type { Msg, NatsConnection, NatsError, Subscription } from 'nats'

export interface ListenOptions {
  queue?: string
  /** The server does not allow the subject. */
  onRefused?: (error: NatsError) => void
}

/**
 * Subscribes `handle` to a subject. A message that it fails on costs nothing but a warning of the process, and not even
 * that if its headers cannot be read, since anybody can send such.
 */
export function listen(
  nc: NatsConnection,
  subject: string,
  handle: (message: Msg) => void,
  { queue, onRefused }: ListenOptions = {},
): Subscription {
  return nc.subscribe(subject, {
    ...(queue !== undefined && { queue }),
    callback: (refusal, message) => {
      try {
        if (refusal) onRefused?.(refusal)
        else handle(message)
      } catch (error) {
        if (!isBadHeader(error)) process.emitWarning(error as Error)
      }
    },
  })
}

const isBadHeader = (error: unknown) => (error as NatsError | undefined)?.code === 'BAD_HEADER'
