// A batch of a map: its arguments as the body of a request, and a reply as what came of each.
import type { BatchReply } from '../protocol/batch.js'
import { writeJson } from '../protocol/json.js'
import { type Payload, writeArgument } from '../protocol/payload.js'
import { readThrown } from '../protocol/thrown.js'
import { InvalidArgumentError, ProtocolError, type RequestError, remoteError } from '../errors.js'
import type { Reply } from './reply.js'

const NO_BATCH = 'the reply is not that of a batch'
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
export function singlePayload(argument: unknown): Payload {
  try {
    return writeArgument(argument)
  } catch (cause) {
    throw new InvalidArgumentError((cause as Error).message, { cause })
  }
}

/** How many arguments like that one a batch may have. */
export const mostLike = ({ body, isBytes }: Payload) => (isBytes ? 1 : Math.floor(LONGEST_BODY / body.length))

/** The body of a batch; undefined if it cannot be one, because of its length or what is in it. */
export function batchPayload(args: unknown[]): Payload | undefined {
  try {
    // Much of it would be written in vain.
    if (args.some(argument => argument === undefined || argument instanceof Uint8Array)) return undefined
    const body = writeJson(args, 'arguments')
    return body.length > LONGEST_BODY ? undefined : { body, isBytes: false }
  } catch {
    return undefined
  }
}

export function readBatch<Item, Result>(
  args: Item[],
  index: number,
  { result, requestId, executorId }: Reply,
): MapOutcome<Item, Result>[] {
  const { results, errors, bytes } = (result ?? {}) as Partial<BatchReply>
  const details = { requestId, executorId }
  if (!Array.isArray(results) || results.length !== args.length) throw new ProtocolError(NO_BATCH, details)
  return args.map((argument, i) => {
    const [failed, base64] = [errors?.[i], bytes?.[i]]
    if (failed) {
      const [code, text, thrown] = Array.isArray(failed) ? failed : []
      if (typeof code !== 'number' || typeof text !== 'string') throw new ProtocolError(NO_BATCH, details)
      const error = remoteError(code, text, { ...details, thrown: readThrown(thrown) })
      return { index: index + i, argument, error }
    }
    if (base64 !== undefined && typeof base64 !== 'string') throw new ProtocolError(NO_BATCH, details)
    const value = base64 === undefined ? results[i] : new Uint8Array(Buffer.from(base64, 'base64'))
    return { index: index + i, argument, result: value as Result }
  })
}
