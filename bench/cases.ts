// What is measured, and what is to come out of it: the limits of "as good as one central queue".
import { type Arrival, type Durations, burst, poissonList } from './arrivals.js'
import { type Member, capacity, readMembers } from './pool-members.js'

const BURST = 64
/** By the beginning of a case's name. */
const TITLES: Record<string, string> = { '': '', 'mixed-': ', mixed executors', 'cluster-': ', three servers' }

export interface Case {
  name: string
  title: string
  /** The executors, unless it is measured with those that all cases are measured with. */
  members?: Member[]
  /** How many nats-servers there are, one unless it is said. */
  servers?: number
  /** Not measured without balancing, since the slow executor would fall behind for ever. */
  isOursOnly?: boolean
  /** Burst after burst: the makespan counts. Otherwise one list: mean and p99 count. */
  isBursts: boolean
  limits: { mean?: number; p99?: number; makespan?: number }
  lists(options: CaseOptions): Arrival[][]
}

export interface CaseOptions {
  /** Of a list. */
  requests: number
  bursts: number
  seed: number
  members: Member[]
}

export const CASES: Case[] = [
  poisson('exponential', 0.8, { mean: 1.05, p99: 1.06 }),
  poisson('heavy tail', 0.8, { mean: 1.07, p99: 1.05 }),
  poisson('exponential', 0.95, { mean: 1.08, p99: 1.12 }),
  poisson('heavy tail', 0.95, { mean: 1.08, p99: 1.15 }),
  poisson('two functions', 0.8, { mean: 1.08, p99: 1.06 }),
  {
    name: 'bursts',
    title: `heavy tail, bursts of ${BURST}`,
    isBursts: true,
    limits: { makespan: 1.03 },
    lists: ({ bursts, seed }) =>
      Array.from({ length: bursts }, (_, i) => burst({ durations: 'heavy tail', count: BURST, seed: seed + i })),
  },
  { ...poisson('exponential', 0.8, { p99: 1.2 }, 'mixed-'), members: readMembers('1,2,4,slow'), isOursOnly: true },
  { ...poisson('exponential', 0.8, { mean: 1.08, p99: 1.09 }, 'cluster-'), servers: 3 },
  { ...poisson('exponential', 0.95, { mean: 1.11, p99: 1.15 }, 'cluster-'), servers: 3 },
]

function poisson(durations: Durations, load: number, limits: Case['limits'], prefix = ''): Case {
  const percent = Math.round(load * 100)
  return {
    name: `${prefix}${durations.replace(' ', '-')}-${percent}`,
    title: `${durations}, ${percent} % load${TITLES[prefix]}`,
    isBursts: false,
    limits,
    lists: ({ requests, seed, members }) => [
      poissonList({ durations, load, seed, count: requests, slots: capacity(members) }),
    ],
  }
}
