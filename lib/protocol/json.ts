// Values as JSON, without what JSON changes in silence: it makes null of NaN, {} of a Map, nothing of a function.

// User code may put its own in their place.
const { stringify } = JSON

/** What JSON writes as `{}` or as a heap of numbers, whatever is in it. */
const UNSAYABLE = [Map, Set, WeakMap, WeakSet, Promise, RegExp, Error]
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/
const bytesHint = (made: string) =>
  `bytes travel as a Uint8Array that is the whole argument or result, such as \`new Uint8Array(${made})\`; inside of one, as text such as base64`

/**
 * Writes a value as JSON.
 * @param name what errors call the value: `result` in `result.rows[3].mean is NaN`
 * @throws {TypeError} if JSON cannot say it as it is; it names the place
 */
export function writeJson(value: unknown, name: string): string {
  if (isSimple(value)) return stringify(value)
  let text: string | undefined
  try {
    text = stringify(value)
  } catch (error) {
    if (/BigInt/.test(String(error))) checkSayable(value, name, new Set())
    const [why] = String((error as Error)?.message ?? error).split('\n')
    throw new TypeError(`JSON cannot say ${name}: ${why}`, { cause: error })
  }
  // What could be written has no circles.
  checkSayable(value, name)
  if (text === undefined) throw new TypeError(`JSON cannot say ${name}: ${describe(value)}`)
  return text
}

/** Whether it is what JSON always says as it is. */
export const isSimple = (value: unknown) =>
  typeof value === 'number'
    ? Number.isFinite(value)
    : typeof value === 'string' || typeof value === 'boolean' || value === null

/** `ancestors`: where it may have circles, the objects that it is in; `isSaid`: it came of `toJSON`. */
function checkSayable(value: unknown, place: string, ancestors?: Set<object>, isSaid = false): void {
  if (isSimple(value)) return
  const made = ArrayBuffer.isView(value) ? 'it.buffer' : value instanceof ArrayBuffer ? 'it' : undefined
  if (made !== undefined) throw new TypeError(`${place} is ${describe(value)}: ${bytesHint(made)}`)
  if (value instanceof Date && Number.isNaN(value.getTime())) throw unsayable(place, value)
  // JSON asks objects, and a BigInt, which has none unless user code gives it one.
  const toJSON = typeof value === 'object' || typeof value === 'bigint' ? (value as any).toJSON : undefined
  if (typeof toJSON === 'function' && !isSaid) return checkSayable(toJSON.call(value), place, ancestors, true)
  if (typeof value !== 'object') throw unsayable(place, value)
  if (isBoxedNumber(value!) && !Number.isFinite(value!.valueOf())) throw unsayable(place, value!.valueOf())
  if (ancestors?.has(value!)) return
  if (UNSAYABLE.some(Class => value instanceof Class) || isOpaque(value!)) throw unsayable(place, value)
  ancestors?.add(value!)
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) checkElement(value[i], place, i, ancestors)
  else
    for (const key of Object.keys(value!)) {
      const part = (value as Record<string, unknown>)[key]
      // A property that is undefined is one that is missing.
      if (part !== undefined && !isSimple(part) && key !== 'toJSON')
        checkSayable(part, IDENTIFIER.test(key) ? `${place}.${key}` : `${place}[${stringify(key)}]`, ancestors)
    }
  ancestors?.delete(value!)
}

const isBoxedNumber = (value: object) => Object.prototype.toString.call(value) === '[object Number]'

/** Without anything to see, and not plain: an iterator, a stream, `URLSearchParams`, a `SharedArrayBuffer`. */
const isOpaque = (value: object) =>
  (Symbol.toStringTag in value || Symbol.asyncIterator in value) && Object.keys(value).length === 0

function checkElement(element: unknown, place: string, index: number, ancestors?: Set<object>) {
  if (!isSimple(element)) checkSayable(element, `${place}[${index}]`, ancestors)
}

function unsayable(place: string, value: unknown) {
  const hint = value instanceof Promise ? ': is an `await` missing?' : ', which JSON cannot say'
  return new TypeError(`${place} is ${describe(value)}${hint}`)
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return String(value)
    case 'undefined':
      return 'undefined'
    case 'bigint':
      return 'a BigInt'
    case 'object': {
      if (value instanceof Date) return 'an invalid Date'
      const name = value?.constructor?.name || Object.prototype.toString.call(value).slice(8, -1)
      return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`
    }
    default:
      return `a ${typeof value}`
  }
}
