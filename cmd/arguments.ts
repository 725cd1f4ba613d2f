// What is computed, as it stands on the command line: a function, and arguments in JSON or as the bytes of a file.
import { fstatSync } from 'node:fs'
import { isFunctionName } from '../lib/protocol/subjects.js'
import { UsageError } from './command-line.js'
import { printable } from './printable.js'
import { readFile } from './read-file.js'
import { reason } from './reason.js'

/** Of an argument: a nats-server's `max_payload` cannot be more. */
export const MOST_BYTES = 64 * 1024 * 1024
/** What stands for the lines of the standard input. */
const LINES = '-'

export interface Argument {
  text: string
  value: unknown
}

export interface Call {
  /** '' is the default export. */
  functionName: string
  /** Undefined: each line of the standard input is one. */
  args: Argument[] | undefined
}

/** `functionName`: as an option says it, of names that look like something else; `isService`: whether one says the service. */
export function readCall(positionals: string[], functionName: string | undefined, isService: boolean): Call {
  if (functionName !== undefined && !isFunctionName(functionName))
    throw new UsageError(
      `--function takes 1 to 64 letters, digits, "_", "-" or "$", got ${printable(functionName, 40)}`,
    )
  if (positionals.length === 0 && functionName === undefined)
    throw new UsageError('what is to be computed? An argument is missing, such as 30')
  const [first] = positionals
  const isNamed = functionName === undefined && isName(first)
  const name = isNamed ? first! : (functionName ?? '')
  const texts = isNamed ? positionals.slice(1) : positionals
  if (texts.filter(text => text === '@-').length > 1) throw new UsageError('@- is one argument at most')
  // Node takes it for an empty one.
  if (texts[0] === LINES && fstatSync(0).isDirectory())
    throw new UsageError('cannot read the standard input: it is a directory')
  if (texts.length > 1 && texts.includes(LINES)) throw new UsageError('- for the standard input is the only argument')
  const isTwo = isNamed && !isService && isName(texts[0])
  const orService = isTwo ? `; a function of the service ${name} is called with --service ${name} ${texts[0]}` : ''
  return {
    functionName: name === 'default' ? '' : name,
    args:
      texts[0] === LINES
        ? undefined
        : texts.length === 0
          ? [NOTHING]
          : texts.map(text => ({ text, value: parse(text, orService) })),
  }
}

/** A function may do without. */
const NOTHING = { text: '', value: undefined }

/** Whether it is the name of a function, where it might be an argument: no JSON is one but for three words, and numbers look like some. */
export const isName = (text: string | undefined) => isFunctionName(text) && !/^(-?\d.*|-+|true|false|null)$/.test(text!)

/** JSON, or the bytes of a file. */
function parse(text: string, orService: string): unknown {
  if (text.startsWith('@')) return bytesOf(text.slice(1))
  try {
    return JSON.parse(text)
  } catch {
    const got = printable(text, 40).trim() || '""'
    const orFunction =
      isFunctionName(text) && !isName(text) && /[a-z_$]/i.test(text)
        ? `; a function of that name is --function=${text}`
        : ''
    throw new UsageError(
      `an argument is JSON, such as 30 or '"text"', or @file for the bytes of a file, got ${got}${orFunction || orService}`,
    )
  }
}

function bytesOf(path: string): Uint8Array {
  if (path === '') throw new UsageError("the file's name is missing after @")
  try {
    return readFile(path === '-' ? 0 : path, MOST_BYTES)
  } catch (error) {
    const file = path === '-' ? 'the standard input' : printable(path)
    throw new UsageError(`cannot read ${file}: ${reason(error as Error)}`)
  }
}
