// Subscriptions whose callbacks may fail: nats.js reads nothing more from a connection once one of them has thrown.
import { isOpen } from './connection.js'
import type { Msg, NatsConnection, NatsError, Subscription } from './nats.js'

/**
 * A message with a reply subject of more characters is not for us. A server cuts off who sends it a line of more than
 * 4096 bytes, as an answer to it may be.
 */
const LONGEST_REPLY = 1000

export interface SubscribeOptions {
  queue?: string
  /** The server does not allow the subject. */
  onRefused?: (error: NatsError) => void
}

/** Subscribes `handle` to a subject. A message that it fails on costs nothing but a warning of the process. */
export function subscribeSafely(
  nc: NatsConnection,
  subject: string,
  handle: (message: Msg) => void,
  { queue, onRefused }: SubscribeOptions = {},
): Subscription {
  return nc.subscribe(subject, {
    ...(queue !== undefined && { queue }),
    callback: safeCallback(message => {
      try {
        handle(message)
      } catch (error) {
        // Its owner drains the connection: there is nothing to be answered any more.
        if (isOpen(nc)) throw error
      }
    }, onRefused),
  })
}

export type Callback = (refusal: NatsError | null, message: Msg) => void

/** A callback of a subscription that never throws. */
export const safeCallback =
  (handle: (message: Msg) => void, onRefused?: (error: NatsError) => void): Callback =>
  (refusal, message) => {
    try {
      if (refusal) onRefused?.(refusal)
      else if (!(message.reply && message.reply.length > LONGEST_REPLY)) handle(message)
    } catch (error) {
      process.emitWarning(error as Error)
    }
  }
