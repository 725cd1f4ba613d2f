// A scenario in which nothing breaks: hosts are at some distance from each other, and an ideal queue has no distance at all.
import { idealResponses } from '../../bench/ideal.js'
import { mean } from '../../bench/statistics.js'
import { seededRandom } from '../../dev/random.js'
import { computedTwice } from './journal.js'
import { type Row, startRow } from './row.js'
import type { Site, SiteOptions } from './site.js'

export interface Distance {
  site: SiteOptions & { delay: number }
}

const REQUESTS = 2000
const LOAD = 0.7
const [LEAST_MS, MOST_MS] = [50, 200]
const ROUND_TRIPS = 3
const WARM_UP = { do: 'bursts', count: 8, ms: [1, 5] } as const
const WARM_UP_SECONDS = 4

export async function distance(name: string, site: Site, { site: { executors, slots, delay } }: Distance) {
  const callers = [site.callers.library, site.callers.plain]
  await Promise.all(callers.map(it => it.order({ ...WARM_UP, ms: [...WARM_UP.ms], seconds: WARM_UP_SECONDS })))
  await Promise.all(
    callers.map((caller, i) => caller.order({ do: 'list', arrivals: arrivals(executors * slots * LOAD * 0.5, i + 1) })),
  )
  const twice = computedTwice(await site.journal.read(), undefined)
  // The two clients send to the same slots, so one queue is the ideal of both.
  const answered = callers
    .flatMap(({ calls }) => calls)
    .filter(call => call.phase === 'list' && call.host !== undefined)
  const sorted = answered.toSorted((a, b) => a.sent - b.sent)
  const members = site.executors.map(({ name: of }) => ({ name: of, concurrency: slots, slowness: 1 }))
  const samples = sorted.map(({ sent, ended, computeMs, host }) => {
    const member = members.find(it => it.name === host)!
    return { sent, answered: ended, computeMs: computeMs!, executorId: host!, member }
  })
  const ideals = new Map(idealResponses(samples, members).map((ms, i) => [sorted[i]!, ms]))
  return callers.map((caller): Row => {
    const row = startRow(name, caller, twice)
    const own = sorted.filter(call => caller.calls.includes(call))
    const delays = own.map(call => call.ended - call.sent - ideals.get(call)!)
    const limit = ROUND_TRIPS * 2 * delay
    const text = `mean ${mean(delays).toFixed(1)} ms beyond the ideal of ${mean(own.map(call => ideals.get(call)!)).toFixed(1)} ms, at most ${limit} ms is right`
    const failures = [...row.failures]
    if (row.twice > 0) failures.push(`${row.twice} computed twice`)
    const isSlow = !(mean(delays) <= limit)
    if (isSlow) failures.push(text)
    return { ...row, worst: Math.max(0, ...delays), failures, notes: isSlow ? row.notes : [...row.notes, text] }
  })
}

/** Requests that keep so many slots busy, half of all. */
function arrivals(busySlots: number, seed: number) {
  const random = seededRandom(seed)
  const count = REQUESTS / 2
  let at = 0
  const list = Array.from({ length: count }, () => {
    at += -Math.log(1 - random())
    return { at, ms: Math.round(LEAST_MS + (MOST_MS - LEAST_MS) * random()) }
  })
  const work = list.reduce((sum, { ms }) => sum + ms, 0)
  return list.map(it => ({ ...it, at: (it.at / at) * (work / busySlots) }))
}
