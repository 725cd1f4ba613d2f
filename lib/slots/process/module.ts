// A module of functions: which of its exports are served, and what is set on them.
import { MAX_CONCURRENCY, MAX_MS } from '../../protocol/limits.js'
import { isFunctionName } from '../../protocol/subjects.js'
import type { ComputeFunction, StandardSchema } from '../function.js'
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
  for (const [exported, compute] of exportsOf(namespace)) {
    if (typeof compute !== 'function' || isClass(compute) || isSchema(compute)) continue
    const why = whyNot(exported)
    if (why !== undefined) {
      // An alias that Node makes of CommonJS.
      if (exported !== 'module.exports') warnings.push(`the export ${JSON.stringify(exported)} is not served: ${why}`)
      continue
    }
    const name = exported === 'default' ? '' : exported
    const settings = settingsOf(name, compute as ComputeFunction)
    const { input } = compute as ComputeFunction
    functions.set(
      name,
      input === undefined ? (compute as ComputeFunction) : checked(name, compute as ComputeFunction, input),
    )
    served.functions.push(settings)
  }
  if (functions.size === 0) throw new TypeError('it exports no function')
  if (warnings.length > 0) served.warnings = warnings
  return { functions, served }
}

/** By name, the default export first. That of CommonJS, or of a list, may be an object of functions. */
function exportsOf(namespace: object): [name: string, value: unknown][] {
  let { default: main, ...named } = namespace as Record<string, unknown>
  if (typeof main === 'object' && main !== null) {
    const { default: inner, ...more } = main as Record<string, unknown>
    named = { ...more, ...named }
    main = inner
  }
  return [['default', main], ...Object.entries(named)]
}

/** Why it cannot be the name of a function, if it cannot. */
function whyNot(name: string): string | undefined {
  if (name === 'then') return 'JavaScript takes a module that has it for a promise'
  return isFunctionName(name) ? undefined : 'its name is not 1–64 of A-Z a-z 0-9 _ $ -'
}

/** Those of arktype can be called. */
const isSchema = (value: Function) => '~standard' in value
const isClass = (value: Function) => /^class\b/.test(Function.prototype.toString.call(value))

function settingsOf(name: string, compute: ComputeFunction): ServedFunction {
  const { input, timeLimit, concurrency, maxAttempts } = compute
  const called = name || 'the default export'
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
