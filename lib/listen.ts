// Subscriptions whose callbacks may fail: nats.js reads nothing more from a connection once one of them has thrown.
import { ErrorCode, type Msg, type MsgHdrs, type NatsConnection, NatsError, type Subscription } from 'nats'
import { headSize } from './nats-parts.js'

/**
 * A message with a reply subject of more characters is not for us. A server cuts off who sends it a line of more than
 * 4096 bytes, as an answer to it may be.
 */
const LONGEST_REPLY = 1000
/** The most bytes of headers, with the subjects before them. nats.js takes minutes to read a megabyte of them. */
const MOST_HEADERS = 16 * 1024

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
        else if (!(message.reply && message.reply.length > LONGEST_REPLY)) handle(message)
      } catch (error) {
        if (!isBadHeader(error)) process.emitWarning(error as Error)
      }
    },
  })
}

/**
 * The headers of a message that a stranger may have sent.
 * @throws {NatsError} if they cannot be read, or are too large to be
 */
export function headersOf(message: Msg): MsgHdrs | undefined {
  if (headSize(message) > MOST_HEADERS)
    throw new NatsError(`headers of more than ${MOST_HEADERS} bytes`, ErrorCode.BadHeader)
  return message.headers
}

const isBadHeader = (error: unknown) => (error as NatsError | undefined)?.code === 'BAD_HEADER'
