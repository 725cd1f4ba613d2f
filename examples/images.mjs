// A service in plain JavaScript: each function answers requests. Images are raw bytes here, red, green, blue and alpha.
import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidArgumentError } from 'nats-executor/function'

/** @param {Uint8Array} pixels */
export const invert = pixels => pixels.map((value, i) => (i % 4 === 3 ? value : 255 - value))

/** @param {Uint8Array} pixels */
export function brightness(pixels) {
  if (pixels.length % 4 !== 0) throw new InvalidArgumentError(`expected 4 bytes a pixel, got ${pixels.length} bytes`)
  return pixels.reduce((sum, value, i) => (i % 4 === 3 ? sum : sum + value), 0) / (pixels.length * 0.75)
}

/** @typedef {import('nats-executor/function').Context} Context */
/** @type {(size: { width: number, height: number }, context: Context) => Promise<Uint8Array>} */
export async function gradient({ width, height }, { progress, signal }) {
  const rows = []
  while (rows.length < height) {
    const gray = Math.floor((256 * rows.length) / height)
    rows.push(Buffer.alloc(4 * width, Uint8Array.of(gray, gray, gray, 255)))
    progress(rows.length / height)
    await sleep(20, undefined, { signal }) // slow on purpose; a caller who cancels ends it here
  }
  return Buffer.concat(rows)
}

/** @param {{ from: string, to: string }} colors */
export function mix({ from, to }) {
  const [one, other] = [Buffer.from(from.slice(1), 'hex'), Buffer.from(to.slice(1), 'hex')]
  return `#${Buffer.from(one.map((value, i) => (value + (other[i] ?? 0)) / 2)).toString('hex')}`
}

// A Standard Schema, by hand: one of zod, valibot or arktype does the same. What it refuses, the function does not see.
mix.input = {
  '~standard': {
    version: 1,
    vendor: 'examples',
    /** @param {any} value */
    validate(value) {
      const wrong = ['from', 'to'].filter(name => !/^#[\da-f]{6}$/i.test(value?.[name]))
      return wrong.length === 0
        ? { value }
        : { issues: wrong.map(name => ({ path: [name], message: 'expected #rrggbb' })) }
    },
  },
}
