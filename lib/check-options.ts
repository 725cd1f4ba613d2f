// Checks of options: what is wrong is an error that says the option, what was expected and what came.
import { MAX_MS } from './protocol/limits.js'
import { isId, isSubject } from './protocol/subjects.js'

export function defined(options: object, defaults: object) {
  checkNames(options, ['connection', ...Object.keys(defaults)])
  return withoutUndefined(options)
}

/** A name that is none is an error, since a misspelt option would do nothing. */
export function checkNames(options: object, names: readonly string[]) {
  if (options === null || typeof options !== 'object') throw new TypeError(expected('options', 'an object', options))
  for (const name of Object.keys(options))
    if (!names.includes(name)) throw new TypeError(`unknown option \`${name}\`; the options are ${names.join(', ')}`)
}

export const withoutUndefined = (options: object) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

export const checkTimeout = (ms: number) => checkNumber('timeout', ms, 1, MAX_MS)

export function checkRetries(retries: number) {
  if (retries !== Infinity) checkInteger('retries', retries, 0, Number.MAX_SAFE_INTEGER)
}

export function checkSubject(name: string, subject: unknown) {
  if (typeof subject === 'string' && isSubject(subject)) return
  const what = isPrefix(subject) ? 'that does not begin with "$"' : 'without wildcards'
  throw new RangeError(expected(name, `a NATS subject ${what}`, subject))
}

/** The first tokens of a subject, where `$` is one as any other. */
export const isPrefix = (value: unknown) => typeof value === 'string' && isSubject(value.replace(/^\$/, '_'))

export function checkPrefix(name: string, prefix: unknown) {
  if (!isPrefix(prefix)) throw new RangeError(expected(name, 'a NATS subject without wildcards', prefix))
}

export function checkId(name: string, id: unknown) {
  if (!isId(id)) throw new RangeError(expected(name, '1–64 letters, digits, "_" or "-"', id))
}

export function checkInteger(name: string, value: unknown, least: number, most: number) {
  if (!Number.isInteger(value)) throw new TypeError(expected(name, `an integer from ${least} to ${most}`, value))
  checkNumber(name, value, least, most)
}

export function checkNumber(name: string, value: unknown, least: number, most: number) {
  if (typeof value !== 'number') throw new TypeError(expected(name, `a number from ${least} to ${most}`, value))
  if (!(value >= least && value <= most)) throw new RangeError(expected(name, `from ${least} to ${most}`, value))
}

export const expected = (name: string, what: string, got: unknown) =>
  `expected \`${name}\` to be ${what}, got ${typeof got === 'string' ? JSON.stringify(got) : String(got)}`
