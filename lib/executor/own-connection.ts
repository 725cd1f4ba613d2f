// The connection that an executor opens for itself.
import { connectionRefused } from '../errors.js'
import type { CheckedOptions } from '../nats/connection-options.js'
import { open, serversOf } from '../nats/connection.js'
import type { NatsConnection, NatsError } from '../nats/nats.js'
import { isFull, noConnection } from '../nats/refusals.js'

/**
 * Waits for a server for ever; `warn` hears once that there is none yet, or that it takes no connection.
 * @throws {ConnectionError} if the server refuses it; or the reason why `signal` was aborted
 */
export function openOwn(
  options: CheckedOptions,
  service: string,
  signal: AbortSignal,
  warn: (text: string) => void,
): Promise<NatsConnection> {
  const servers = serversOf(options)
  let told: boolean | undefined
  const failed = (error: NatsError) => {
    const isThere = isFull(error)
    const what = isThere ? noConnection(` at ${servers}`, error) : `no nats-server yet at ${servers}`
    if (isThere !== told) warn(isThere ? what : `${what}: ${error.message}`)
    told = isThere
  }
  // What it publishes is for others: its own questions are not to come back to it.
  return open(options, { name: `executor ${service}`, noEcho: true, isMember: true }, signal, failed).catch(cause => {
    throw signal.aborted ? cause : connectionRefused(servers, cause)
  })
}
