// What a function threw, as it crosses the wire: the JSON body of an error reply. This file writes it and rebuilds it.

export interface Thrown {
  name: string
  message: string
  /** The error's own code, such as `ENOENT`. */
  code?: string | number
  /** Of `cause`, and of its cause, and so on. */
  causes?: { name: string; message: string; code?: string | number }[]
  /** Its other own properties, as far as JSON can say them. */
  details?: Record<string, unknown>
  stack?: string
}

const MAX_MESSAGE = 4000
const MAX_STACK = 4000
const MAX_DETAILS = 4096
const MAX_CAUSES = 8
/** They travel elsewhere, or are nobody's business. */
const NOT_DETAILS = new Set(['name', 'message', 'code', 'cause', 'stack'])

/** Describes what was thrown, whatever it is; undefined if it cannot even be looked at. */
export function describeThrown(error: unknown): Thrown | undefined {
  try {
    const thrown: Thrown = headOf(error)
    const causes: Thrown['causes'] = []
    // They may go round in a circle.
    const seen = new Set([error])
    for (
      let cause = (error as Error)?.cause;
      cause !== undefined && causes.length < MAX_CAUSES && !seen.has(cause);
      cause = (cause as Error)?.cause
    ) {
      seen.add(cause)
      causes.push(headOf(cause))
    }
    if (causes.length > 0) thrown.causes = causes
    const details = detailsOf(error)
    if (details) thrown.details = details
    if (error instanceof Error && error.stack) thrown.stack = String(error.stack).slice(0, MAX_STACK)
    return thrown
  } catch {
    return undefined
  }
}

/** Where a program's files lie is not everybody's to know. */
export function withoutStack(thrown: Thrown): Thrown {
  const rest = { ...thrown }
  delete rest.stack
  return rest
}

/** For a log: where it was thrown, and what it comes from. */
export interface Trace {
  stack?: string
  causes?: string[]
}

/** Nothing, if the code has no fault in it. */
export function traceOf(thrown: Thrown | undefined): Trace {
  if (!thrown?.stack) return {}
  const { stack, causes = [], name, details } = thrown
  // What `Promise.any` rejects with says nothing of its own.
  const errors = name === 'AggregateError' && Array.isArray(details?.errors) ? details.errors.map(readHead) : []
  const all = [...causes, ...errors.filter(head => head !== undefined)].map(lineOf)
  return { stack, ...(all.length > 0 && { causes: all }) }
}

const lineOf = ({ name, message, code }: Thrown) =>
  `${name}${code === undefined ? '' : ` [${code}]`}${message && ': '}${message}`

function headOf(error: unknown): Thrown {
  if (typeof error !== 'object' || error === null)
    return { name: 'Error', message: String(error).slice(0, MAX_MESSAGE) }
  const { name, message, code } = error as { name?: unknown; message?: unknown; code?: unknown }
  return {
    name: typeof name === 'string' && name ? name.slice(0, 100) : 'Error',
    message: String(message ?? '').slice(0, MAX_MESSAGE),
    ...((typeof code === 'string' || (typeof code === 'number' && Number.isFinite(code))) && { code }),
  }
}

function detailsOf(error: unknown) {
  if (typeof error !== 'object' || error === null) return undefined
  const details: Record<string, unknown> = {}
  let room = MAX_DETAILS
  const keys = Object.keys(error)
  if (error instanceof AggregateError) keys.push('errors')
  for (const key of keys) {
    const text = NOT_DETAILS.has(key) ? undefined : jsonOf(error, key)
    const size = text === undefined ? Infinity : text.length + key.length + 4
    // A smaller one may find room.
    if (size > room) continue
    room -= size
    details[key] = JSON.parse(text!)
  }
  return Object.keys(details).length > 0 ? details : undefined
}

/** Of a property; undefined if JSON cannot say it, or it cannot even be read. */
function jsonOf(error: object, key: string): string | undefined {
  try {
    // Of an error itself JSON says {}.
    const said = (_: string, value: unknown) => (value instanceof Error ? headOf(value) : value)
    return JSON.stringify((error as Record<string, unknown>)[key], said)
  } catch {
    return undefined
  }
}

/** Reads the body of an error reply; undefined if it is none. */
export function parseThrown(text: string): Thrown | undefined {
  try {
    return readThrown(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** What is right of it; undefined if it is none. */
export function readThrown(value: unknown): Thrown | undefined {
  const thrown = readHead(value)
  if (!thrown) return undefined
  const { causes, details, stack } = value as Partial<Thrown>
  if (Array.isArray(causes)) thrown.causes = causes.map(readHead).filter(head => head !== undefined)
  if (typeof details === 'object' && details !== null) thrown.details = details
  if (typeof stack === 'string') thrown.stack = stack
  return thrown
}

function readHead(value: unknown): Thrown | undefined {
  const { name, message, code } = (value ?? {}) as Partial<Thrown>
  if (typeof name !== 'string' || typeof message !== 'string') return undefined
  return { name, message, ...((typeof code === 'string' || typeof code === 'number') && { code }) }
}

const CLASSES = new Map(
  [TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError].map(Class => [Class.name, Class] as const),
)

/** The error that was thrown, with its causes, as far as it has crossed the wire. Its stack is the remote one, or none. */
export function rebuildThrown({ name, message, code, causes = [], details, stack }: Thrown): Error {
  let cause: Error | undefined
  for (const each of causes.toReversed()) cause = rebuild(each, cause)
  const error = rebuild({ name, message, code }, cause, stack)
  for (const [key, value] of Object.entries(details ?? {}))
    if (!(key in error))
      Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: true })
  return error
}

function rebuild(
  head: { name: string; message: string; code?: string | number | undefined },
  cause?: Error,
  stack?: string,
) {
  const Class = CLASSES.get(head.name) ?? Error
  const error = new Class(head.message, cause && { cause })
  const define = (name: string, value: unknown) =>
    Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: false })
  define('name', head.name)
  define('stack', stack ?? `${head.name}: ${head.message}`)
  if (head.code !== undefined) Object.assign(error, { code: head.code })
  return error
}
