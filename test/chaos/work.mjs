// The function of the chaos test: its result tells whose it is.
import { setTimeout } from 'node:timers/promises'

export default async function ({ value, ms }, { signal }) {
  await setTimeout(ms, undefined, { signal })
  return { value, square: value * value }
}
