// A module of functions: which of its exports are served, and what is set on them.
import { MAX_CONCURRENCY, MAX_MS } from '../../protocol/limits.js'
import { isFunctionName } from '../../protocol/subjects.js'
import type { ComputeFunction, FunctionSettings, StandardSchema } from '../function.js'
import type { Served, ServedFunction } from '../served.js'
import { checked, jsonSchemaOf } from './schema.js'

export interface LoadedModule {
  functions: Map<string, ComputeFunction>
  served: Served
}

/** @throws {TypeError} for a module without functions, or a setting that is none */
export function readModule(namespace: object): LoadedModule {
  const functions = new Map<string, ComputeFunction>()
  const served: Served = { functions: [] }
  const warnings: string[] = []
  for (const [exported, value, owner] of exportsOf(namespace)) {
    if (typeof value !== 'function' || isClass(value) || isSchema(value)) continue
    const why = whyNot(exported)
    if (why !== undefined) {
      // An alias that Node makes of CommonJS.
      if (exported !== 'module.exports') warnings.push(`the export ${JSON.stringify(exported)} is not served: ${why}`)
      continue
    }
    const name = exported === 'default' ? '' : exported
    const settings = settingsOf(name, value as ComputeFunction)
    warnings.push(...misspelt(name, value))
    const { input } = value as ComputeFunction
    const compute: ComputeFunction = owner === undefined ? value : value.bind(owner)
    functions.set(name, input === undefined ? compute : checked(name, compute, input))
    served.functions.push(settings)
  }
  if (functions.size === 0) throw new TypeError('it exports no function')
  if (warnings.length > 0) served.warnings = warnings
  return { functions, served }
}

/** By name, the default export first. That of CommonJS, or of a list, may be an object of functions: it is their `this`. */
function exportsOf(namespace: object): [name: string, value: unknown, owner: unknown][] {
  let { default: main, ...named } = namespace as Record<string, unknown>
  let list: Record<string, unknown> = {}
  if (typeof main === 'object' && main !== null) {
    list = main as Record<string, unknown>
    const { default: inner, ...more } = list
    named = { ...more, ...named }
    main = inner
  }
  return Object.entries({ default: main, ...named }).map(([name, value]) => [
    name,
    value,
    list[name] === value ? list : undefined,
  ])
}

/** Why it cannot be the name of a function, if it cannot. */
function whyNot(name: string): string | undefined {
  if (name === 'then') return 'JavaScript takes a module that has it for a promise'
  return isFunctionName(name) ? undefined : 'its name is not 1–64 of A-Z a-z 0-9 _ $ -'
}

/** Those of arktype can be called. */
const isSchema = (value: Function) => '~standard' in value
/** A method may be called `class`; it has no prototype. */
const isClass = (value: Function) =>
  /^class\b/.test(Function.prototype.toString.call(value)) && Object.hasOwn(value, 'prototype')

const calledIn = (name: string) => name || 'the default export'

function settingsOf(name: string, compute: ComputeFunction): ServedFunction {
  const { input, timeLimit, concurrency, maxAttempts } = compute
  const called = calledIn(name)
  const check = (setting: string, value: unknown, most: number) => {
    if (
      value !== undefined &&
      !(
        typeof value === 'number' &&
        value >= 1 &&
        value <= most &&
        (setting === 'timeLimit' || Number.isInteger(value))
      )
    )
      throw new TypeError(`${called}: expected \`${setting}\` to be a number from 1 to ${most}, got ${shown(value)}`)
  }
  check('timeLimit', timeLimit, MAX_MS)
  check('concurrency', concurrency, MAX_CONCURRENCY)
  check('maxAttempts', maxAttempts, Number.MAX_SAFE_INTEGER)
  if (input !== undefined && typeof input?.['~standard']?.validate !== 'function')
    throw new TypeError(`${called}: expected \`input\` to be a Standard Schema, such as one of zod, valibot or arktype`)
  const schema = input && jsonSchemaOf(input as StandardSchema)
  return {
    name,
    ...(timeLimit !== undefined && { timeLimit }),
    ...(concurrency !== undefined && { concurrency }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(schema !== undefined && { schema }),
  }
}

const shown = (value: unknown) => (typeof value === 'string' ? JSON.stringify(value) : String(value))

/** What is almost a setting. A function may have properties of its own. */
const misspelt = (name: string, compute: Function) =>
  Object.keys(compute).flatMap(key => {
    const setting = SETTINGS.find(each => key !== each && isNear(lettersOf(key), lettersOf(each)))
    if (setting === undefined || SETTINGS.includes(key)) return []
    return [`${calledIn(name)}: \`${key}\` is no setting: is \`${setting}\` meant?`]
  })

const SETTINGS = ['input', 'timeLimit', 'concurrency', 'maxAttempts'] satisfies (keyof FunctionSettings)[] as string[]
const lettersOf = (name: string) => name.toLowerCase().replace(/[_-]/g, '')

/** They are the same but for one letter: another one, one more, or one that is missing. */
function isNear(one: string, other: string): boolean {
  const [short, long] = one.length < other.length ? [one, other] : [other, one]
  let from = 0
  while (from < short.length && short[from] === long[from]) from++
  return short.slice(long.length > short.length ? from : from + 1) === long.slice(from + 1)
}
