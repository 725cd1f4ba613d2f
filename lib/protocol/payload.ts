// What an argument or a result is on the wire: JSON, bytes as they are, or, for an argument that is undefined, nothing.
import { writeJson } from './json.js'

// User code may put its own in its place.
const { parse } = JSON

export const BYTES_TYPE = 'application/octet-stream'
const JSON_TYPE = 'application/json'

export interface Payload {
  body: string | Uint8Array
  isBytes: boolean
}

/** @throws {TypeError} if the argument is none of these */
export function writeArgument(argument: unknown): Payload {
  if (argument === undefined) return { body: '', isBytes: false }
  return argument instanceof Uint8Array
    ? { body: takeBytes(argument, 'argument'), isBytes: true }
    : { body: writeJson(argument, 'argument'), isBytes: false }
}

/** @throws {SyntaxError} if it is not JSON */
export function readArgument(body: Uint8Array, isBytes: boolean): unknown {
  if (isBytes) return copyOf(body)
  return body.byteLength === 0 ? undefined : parse(textOf(body))
}

export const readResult = (body: Uint8Array, isBytes: boolean): unknown =>
  isBytes ? copyOf(body) : parse(textOf(body))

/** Whether a content type is that of bytes; undefined if it is neither theirs nor JSON's. */
export function isBytesType(type: string): boolean | undefined {
  const name = type.split(';', 1)[0]!.trim().toLowerCase()
  return name === BYTES_TYPE ? true : name === JSON_TYPE || name === '' ? false : undefined
}

/** For people: JSON, or how many bytes. */
export const payloadText = (body: Uint8Array, isBytes: boolean) =>
  isBytes ? `<${body.byteLength} bytes>` : textOf(body)

/**
 * The bytes of an argument or a result as they are now, whatever their owner does with them later.
 * @throws {TypeError} if they are gone
 */
export function takeBytes(bytes: Uint8Array, name: string): Uint8Array {
  try {
    // This reads what it is, and not what it says of itself.
    return new Uint8Array(bytes)
  } catch (cause) {
    throw new TypeError(`${name} is a Uint8Array whose buffer is gone: it was transferred, or its memory has grown`, {
      cause,
    })
  }
}

/** With a buffer of its own, so that `new Float64Array(bytes.buffer)` is what it seems to be. */
const copyOf = (body: Uint8Array) =>
  body.byteLength === body.buffer.byteLength ? new Uint8Array(body.buffer as ArrayBuffer) : new Uint8Array(body)
const decoder = new TextDecoder()
const textOf = (body: Uint8Array) => (body instanceof Buffer ? body.toString() : decoder.decode(body))
