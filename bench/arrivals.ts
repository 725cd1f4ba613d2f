// Fixed lists of requests: the same seed gives the same list on every machine.
import { seededRandom } from '../dev/random.js'

/** A request: when it is due, in milliseconds from the start, and how many milliseconds it takes. */
export interface Arrival {
  at: number
  ms: number
}

/** How long requests take. */
export const DURATIONS = {
  /** A mean of 50 ms. */
  exponential: (random: () => number) => -50 * Math.log(1 - random()),
  /** A mean of 50 ms, too, but most are short and one of ten is long. */
  'heavy tail': (random: () => number) => (random() < 0.9 ? 10 : 410),
  short: (random: () => number) => 3 + 4 * random(),
}
export type Durations = keyof typeof DURATIONS

export interface ListOptions {
  durations: Durations
  count: number
  seed: number
}

/**
 * Requests that arrive independently of each other (Poisson) and keep `slots` slots busy for the share `load`: not only
 * in the mean of all lists, but this list as a whole.
 */
export function poissonList({ durations, count, seed, load, slots }: ListOptions & { load: number; slots: number }) {
  const random = seededRandom(seed)
  let at = 0
  const list = Array.from({ length: count }, (): Arrival => {
    at += -Math.log(1 - random())
    return { at, ms: wholeMs(DURATIONS[durations](random)) }
  })
  const work = list.reduce((sum, { ms }) => sum + ms, 0)
  return list.map(arrival => ({ ...arrival, at: (arrival.at / at) * (work / (load * slots)) }))
}

/** Requests that all arrive at once. */
export function burst({ durations, count, seed }: ListOptions): Arrival[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => ({ at: 0, ms: wholeMs(DURATIONS[durations](random)) }))
}

/** Timers know whole milliseconds only. */
const wholeMs = (ms: number) => Math.max(1, Math.round(ms))
