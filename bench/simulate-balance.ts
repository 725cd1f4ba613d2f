// How near the matching comes to one central queue, on a made-up clock: eight executors of one slot, what a message takes on one machine, and
// nothing else that costs time. `node dist/bench/simulate-balance.js [seeds]`
import { seededRandom } from '../dev/random.js'
import type { Beacon, Report } from '../lib/protocol/dispatch.js'
import { Clock } from '../test/simulation/clock.js'
import { type Job, type Message, SimulatedExecutor, type World } from '../test/simulation/executor.js'
import { type Arrival, type Durations, poissonList } from './arrivals.js'
import { mean, quantile } from './statistics.js'

const EXECUTORS = 8
const REQUESTS = 20_000
const LATENCY_MS = Number(process.env.LATENCY ?? 0.15)
const HANDLING_MS = 0.05

class Pool implements World {
  readonly clock = new Clock()
  readonly latencyMs = LATENCY_MS
  readonly handlingMs = HANDLING_MS
  readonly random: () => number
  readonly responses: number[] = []
  readonly messages: Record<string, number> = {}
  readonly #executors = new Map<string, SimulatedExecutor>()

  constructor(seed: number) {
    this.random = seededRandom(seed)
    for (let i = 0; i < EXECUTORS; i++)
      this.#executors.set(`executor${i}`, new SimulatedExecutor(`executor${i}`, 1, this))
    for (const executor of this.#executors.values()) executor.deliver({ kind: 'connected', isUp: true })
  }

  compute(list: Arrival[]) {
    const start = 100
    const executors = [...this.#executors.values()]
    for (const [i, { at, ms }] of list.entries()) {
      const job: Job = { ticket: `t${i}`, ms, since: start + at, priority: 0, functionName: '' }
      this.clock.at(start + at, () =>
        this.#post(executors[Math.floor(this.random() * EXECUTORS)]!, { kind: 'request', job }),
      )
    }
    while (this.responses.length < list.length) this.clock.run(this.clock.now + 100)
  }

  send(_from: SimulatedExecutor, to: string, message: Message) {
    this.#count(message.kind)
    this.#post(this.#executors.get(to)!, message)
  }

  sendReport(from: SimulatedExecutor, report: Report) {
    this.#count('report')
    const matchmakers = [...this.#executors.values()].filter(({ matchmaker }) => matchmaker)
    for (const matchmaker of matchmakers) this.#post(matchmaker, { kind: 'report', report })
    if (matchmakers.length === 0) this.#post(from, { kind: 'nobodyThere' })
  }

  sendBeacon(from: SimulatedExecutor, beacon: Beacon) {
    this.#count('beacon')
    for (const executor of this.#executors.values())
      if (executor !== from) this.#post(executor, { kind: 'beacon', beacon })
  }

  started() {}

  ended({ since }: Job) {
    this.responses.push(this.clock.now + this.latencyMs - since)
  }

  #post(to: SimulatedExecutor, message: Message) {
    this.clock.at(this.clock.now + this.latencyMs, () => to.deliver(message))
  }

  #count(kind: string) {
    this.messages[kind] = (this.messages[kind] ?? 0) + 1
  }
}

/** The responses of one central queue, first come first served. */
function ideal(list: Arrival[]): number[] {
  const freeAt = Array.from({ length: EXECUTORS }, () => 0)
  return list.map(({ at, ms }) => {
    const slot = freeAt.indexOf(Math.min(...freeAt))
    freeAt[slot] = Math.max(at, freeAt[slot]!) + ms
    return freeAt[slot]! - at
  })
}

const seeds = Number(process.argv[2] ?? 5)
const cases: [Durations, number][] = [
  ['exponential', 0.8],
  ['exponential', 0.95],
  ['heavy tail', 0.8],
  ['heavy tail', 0.95],
]
for (const [durations, load] of cases) {
  const ratios = { mean: [] as number[], p99: [] as number[], messages: [] as number[] }
  const kinds: Record<string, number> = {}
  for (let seed = 1; seed <= seeds; seed++) {
    const list = poissonList({ durations, count: REQUESTS, seed, load, slots: EXECUTORS })
    const pool = new Pool(seed)
    pool.compute(list)
    const best = ideal(list)
    ratios.mean.push(mean(pool.responses) / mean(best))
    ratios.p99.push(quantile(pool.responses, 0.99) / quantile(best, 0.99))
    for (const [kind, count] of Object.entries(pool.messages))
      kinds[kind] = (kinds[kind] ?? 0) + count / REQUESTS / seeds
  }
  const messages = Object.values(kinds).reduce((sum, count) => sum + count, 0)
  const detail = Object.entries(kinds).map(([kind, count]) => `${kind} ${count.toFixed(2)}`)
  const [meanRatio, p99Ratio] = [mean(ratios.mean), mean(ratios.p99)].map(ratio => ratio.toFixed(3))
  console.log(
    `${durations} ${load}: mean ${meanRatio}, p99 ${p99Ratio}, ${messages.toFixed(2)} messages (${detail.join(', ')})`,
  )
}
