// Arguments by a Standard Schema (standardschema.dev), whichever library made it.
import { Code } from '../../protocol/codes.js'
import type { ComputeFunction, StandardIssue, StandardResult, StandardSchema } from '../function.js'
import { isThenable } from './thenable.js'

const TARGET = 'draft-2020-12'
/** In characters; a longer one is not told. */
const MAX_SCHEMA = 16_384
const MAX_ISSUES = 20
/** All issues together are to fit into the details of an error. */
const MAX_MESSAGE = 120

/** The function, which gets only arguments that the schema accepts, as the schema makes them. */
export function checked(
  name: string,
  compute: ComputeFunction,
  { '~standard': standard }: StandardSchema,
): ComputeFunction {
  const accepted = (result: StandardResult<unknown>) => {
    if (result.issues) throw refusal(name, result.issues)
    return result.value
  }
  return (argument, context) => {
    const result = standard.validate(argument)
    return isThenable(result)
      ? Promise.resolve(result).then(late => compute(accepted(late), context))
      : compute(accepted(result as StandardResult<unknown>), context)
  }
}

function refusal(name: string, issues: readonly StandardIssue[]) {
  const told = issues
    .slice(0, MAX_ISSUES)
    .map(({ message, path }) => ({ path: keysOf(path), message: String(message).slice(0, MAX_MESSAGE) }))
  const text = told.map(({ path, message }) => (path.length > 0 ? `${pathText(path)}: ${message}` : message)).join('; ')
  return Object.assign(new Error(`${name || 'the function'} does not take this argument: ${text}`), {
    name: 'InvalidArgumentError',
    code: Code.invalid,
    issues: told,
  })
}

const keysOf = (path: StandardIssue['path'] = []) =>
  path
    .map(step => (typeof step === 'object' ? step.key : step))
    .map(key => (typeof key === 'symbol' ? String(key) : key))

const pathText = (keys: (string | number)[]) =>
  keys.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${key}`)).join('')

/** The JSON Schema of a schema, if its library can say it. */
export function jsonSchemaOf(schema: StandardSchema): unknown {
  // The first is the Standard JSON Schema specification, the others are habits of libraries.
  const { '~standard': standard, toJSONSchema, toJsonSchema } = schema as any
  const ways = [
    () => standard.jsonSchema?.input({ target: TARGET }),
    () => toJSONSchema?.call(schema, { io: 'input' }),
    () => toJsonSchema?.call(schema),
  ]
  for (const way of ways)
    try {
      const found = way()
      const text = found && JSON.stringify(found)
      if (text && text.length <= MAX_SCHEMA) return JSON.parse(text)
    } catch {
      // It cannot say this one.
    }
  return undefined
}
