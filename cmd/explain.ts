// What the errors of calls mean for the person at the terminal: what to do next, and the exit code.
import { ConnectionError, NoExecutorsError, TimeoutError } from '../lib/errors.js'
import type { ConnectionOptions } from '../lib/nats/nats.js'
import { describeThrown, traceOf } from '../lib/protocol/thrown.js'
import { executorLine, serverLine } from './how-to-start.js'
import { printable } from './printable.js'
import { remedyOf } from './remedy.js'

export function exitCode(error: Error): number {
  if (error instanceof NoExecutorsError) return 3
  if (error instanceof TimeoutError) return 4
  return 1
}

/** How to start what is missing. */
export function withRemedy(missing: string, service: string): string {
  if (missing.startsWith('no nats-server')) return `${missing}: start one with "${serverLine()}"`
  if (!missing.startsWith('no executor')) return missing
  return `${missing}: start one with "${executorLine('client', service)}"`
}

/** `call` is what failed, such as `fibonacci(30)`. */
export function explain(error: Error, call: string, service: string, connection: ConnectionOptions): string {
  if (error instanceof ConnectionError) return error.message + remedyOf(error, connection)
  if (error instanceof NoExecutorsError) return withRemedy(error.message, service)
  if (error instanceof TimeoutError) return `${call}: ${error.message}: give it longer with --timeout`
  const { causes = [] } = traceOf(describeThrown(error.cause))
  const because = causes.length > 0 ? ` (${causes.join('; ')})` : ''
  return `${call}: ${printable(error.message + because, 500)}`
}
