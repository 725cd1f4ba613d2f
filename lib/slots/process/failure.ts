// What an executor is told of what a function threw.
import { inspect } from 'node:util'
import { Code } from '../../protocol/codes.js'
import { type Thrown, describeThrown } from '../../protocol/thrown.js'

const LONGEST_TEXT = 500
const OURS = /[\\/]slots[\\/]process[\\/]/

export interface Failure {
  code: number
  /** In one line. */
  text: string
  /** None of what is ours to say. */
  thrown?: Thrown | undefined
}

export function failureOf(error: unknown): Failure {
  const thrown = error instanceof OurError ? undefined : describeThrown(error)
  if (thrown?.stack) thrown.stack = withoutOurs(thrown.stack)
  const code = error instanceof OurError ? error.code : thrown?.code === Code.invalid ? Code.invalid : Code.failed
  // An argument that is refused is no fault of the code.
  if (code === Code.invalid) delete thrown?.stack
  return { code, text: textOf(error), thrown }
}

/** Without the lines from where our code calls a function. */
function withoutOurs(stack: string) {
  const lines = stack.split('\n')
  const at = lines.findIndex(line => OURS.test(line))
  return at > 0 ? lines.slice(0, at).join('\n') : stack
}

/** What is wrong is not the function's. */
export class OurError extends Error {
  readonly code: number
  constructor(code: number, text: string) {
    super(text)
    this.code = code
  }
}

/** What an error says, in one line. */
export function textOf(error: any): string {
  let text = 'the function failed'
  try {
    text = error?.message ? String(error.message) : textWithout(error)
  } catch {
    // Something was thrown that cannot even be looked at.
  }
  return text.replace(/\s+/g, ' ').slice(0, LONGEST_TEXT)
}

/** Of what has no message. */
function textWithout(error: any): string {
  if (error === undefined || error === null) return `${error} was thrown`
  // Node throws one for a host with several addresses, none of which answers.
  if (error instanceof AggregateError) return error.errors.map(each => String(each?.message || each)).join('; ')
  const { toString } = error
  return toString === undefined || toString === Object.prototype.toString ? inspect(error) : String(error)
}
