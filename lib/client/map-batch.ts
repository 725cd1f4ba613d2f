// A batch of a map: its arguments as the body of a request, and a reply as what came of each.
import type { BatchReply } from '../protocol/batch.js'
import { InvalidArgumentError, ProtocolError, type RequestError, remoteError } from '../errors.js'
import type { Reply } from './reply.js'

/** A batch whose body has more characters is sent in halves. */
const LONGEST_BODY = 2 ** 17

/** What came of an argument; `index` counts the arguments from 0. */
export type MapOutcome<Argument = unknown, Result = unknown> =
  | { index: number; argument: Argument; result: Result; error?: never }
  | { index: number; argument: Argument; error: RequestError; result?: never }

/**
 * The body of a request of one argument.
 * @throws {InvalidArgumentError} when JSON cannot say it
 */
export function singleBody(argument: unknown): string {
  try {
    const body = JSON.stringify(argument) as string | undefined
    if (body !== undefined) return body
    throw new TypeError(String(argument))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new InvalidArgumentError(`JSON cannot say the argument: ${why}`, { cause })
  }
}

/** The body of a batch; undefined if it cannot be one, because of its length or what is in it. */
export function batchBody(args: unknown[]): string | undefined {
  try {
    // One by one: in an array JSON silently makes null of what it cannot say.
    const items = args.map(argument => JSON.stringify(argument) as string | undefined)
    const body = `[${items.join()}]`
    return body.length > LONGEST_BODY || items.includes(undefined) ? undefined : body
  } catch {
    return undefined
  }
}

export function readBatch<Item, Result>(
  args: Item[],
  index: number,
  { result, requestId, executorId }: Reply,
): MapOutcome<Item, Result>[] {
  const { results, errors } = (result ?? {}) as Partial<BatchReply>
  const details = { requestId, executorId }
  if (!Array.isArray(results) || results.length !== args.length)
    throw new ProtocolError('the reply is not that of a batch', details)
  return args.map((argument, i) => {
    const error = errors?.[i]
    return error
      ? { index: index + i, argument, error: remoteError(Number(error[0]), String(error[1]), details) }
      : { index: index + i, argument, result: results[i] as Result }
  })
}
