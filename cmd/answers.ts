// How answers are written: as JSON that does no harm to a terminal, or bytes as they are.
import { ExecutionError, InvalidArgumentError, type RequestError } from '../lib/errors.js'
import { describeThrown, withoutStack } from '../lib/protocol/thrown.js'

/** What a terminal takes for commands of its own is escaped, which JSON does for a part of it. */
export function jsonOf(value: unknown): string {
  const text = written(value)
  // It could be read all the same.
  if (text === undefined) throw new Error('the answer is nested too deeply to be printed')
  return text.replace(/[\u007f-\u009f]/g, letter => `\\u00${letter.charCodeAt(0).toString(16)}`)
}

export function written(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** As JSON says it. */
export const shown = (value: unknown) =>
  value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : (value ?? null)

/** With what the function threw. */
export function shownError(error: RequestError) {
  const { name, code, message, cause } = error
  const isThrown = error instanceof ExecutionError || error instanceof InvalidArgumentError
  const thrown = isThrown && cause instanceof Error ? describeThrown(cause) : undefined
  return { name, code, message, cause: thrown && withoutStack(thrown) }
}

export function printBytes(bytes: Uint8Array) {
  if (process.stdout.isTTY && !isText(bytes))
    throw new Error(`the answer is ${bytes.length} bytes that are no text: send them to a file, as in > out.raw`)
  process.stdout.write(bytes)
}

/** Of which a terminal takes nothing for commands of its own. */
function isText(bytes: Uint8Array) {
  try {
    return !/\p{Cc}/u.test(new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/[\t\n\r]/g, ''))
  } catch {
    return false
  }
}
