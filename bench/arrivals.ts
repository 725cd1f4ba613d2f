// Fixed lists of requests: the same seed gives the same list on every machine.
import { seededRandom } from '../dev/random.js'

/** What a request is to have computed. */
export interface Work {
  /** How many milliseconds it takes. */
  ms: number
  /** The function that computes it; '' is the default export. */
  functionName: string
}

/** A request: when it is due, in milliseconds from the start. */
export interface Arrival extends Work {
  at: number
}

type Random = () => number

const exponential = (mean: number, random: Random) => -mean * Math.log(1 - random())
const ofMain = (ms: number): Work => ({ ms, functionName: '' })

/** How long requests take. */
export const DURATIONS = {
  /** A mean of 50 ms. */
  exponential: (random: Random) => ofMain(exponential(50, random)),
  /** A mean of 50 ms, too, but most are short and one of ten is long. */
  'heavy tail': (random: Random) => ofMain(random() < 0.9 ? 10 : 410),
  short: (random: Random) => ofMain(3 + 4 * random()),
  /** Half and half: a mean of 10 ms, and one of 200 ms. */
  'two functions': (random: Random) =>
    random() < 0.5
      ? { ms: exponential(10, random), functionName: 'short' }
      : { ms: exponential(200, random), functionName: 'long' },
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
    return { at, ...draw(durations, random) }
  })
  const work = list.reduce((sum, { ms }) => sum + ms, 0)
  return list.map(arrival => ({ ...arrival, at: (arrival.at / at) * (work / (load * slots)) }))
}

/** Requests that all arrive at once. */
export function burst({ durations, count, seed }: ListOptions): Arrival[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => ({ at: 0, ...draw(durations, random) }))
}

function draw(durations: Durations, random: Random): Work {
  const work = DURATIONS[durations](random)
  // Timers know whole milliseconds only.
  return { ...work, ms: Math.max(1, Math.round(work.ms)) }
}
