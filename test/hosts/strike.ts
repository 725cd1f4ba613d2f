// A scenario in which something breaks while 40 requests of 1–3 s of each client are in flight, and is mended later.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Call, Kind } from './calls.js'
import { now } from './clock.js'
import { type Entry, computedAgain, computedTwice } from './journal.js'
import type { Host } from './network.js'
import { type Row, startRow } from './row.js'
import type { Connection, Site, SiteOptions } from './site.js'

export interface Strike {
  site: SiteOptions
  /** Which hosts are struck; `connections` are those before. */
  hosts: (site: Site, connections: Connection[]) => Host[]
  break: (site: Site, host: Host) => Promise<void>
  mend: (site: Site, host: Host) => Promise<void>
  /** How long it stays broken. */
  seconds: number
  /** When a call would be answered at best. */
  ideal: (call: Call, times: Times) => number
  /** How much later than that it may be, in milliseconds. */
  limits: Record<Kind, number>
  /** Whether the struck host is an executor's, which others stand in for, and which has to come back. */
  isExecutors?: boolean
  /** Whether no result may be computed again. */
  isOnce?: boolean
  /** The clients of which nothing is asked. */
  unjudged?: Kind[]
}

/** Of one scenario, by `now()`. */
export interface Times {
  brokenAt: number
  mendedAt: number
  /** Where the requests began that had begun when it broke. */
  begunOn: Map<string, string>
  struck: string[]
}

const LANES = { do: 'lanes', count: 40, ms: [1000, 3000] } as const
const BURST = { do: 'bursts', count: 40, ms: [20, 50] } as const
const FLOW_MS = 4000
/** A plain request is safe when its executor has held it for so long, with a margin. */
const HELD_MS = 400
const RETURN_MS = 5000
const RETURN_AT_MOST_MS = 20_000

export async function strike(name: string, site: Site, options: Strike, burstSeconds: number): Promise<Row[]> {
  const { library, plain } = site.callers
  const callers = [library, plain]
  const flows = callers.map(caller => caller.order({ ...LANES, ms: [...LANES.ms] }))
  await sleep(FLOW_MS)
  const connectionsBefore = await site.connections()
  // What a plain client sends to a dead executor nobody can know of: it has its requests in flight, and sends no more.
  await plain.order({ do: 'close lanes' })
  await sleep(HELD_MS)
  const hosts = options.hosts(site, connectionsBefore)
  const brokenAt = now()
  await Promise.all(hosts.map(host => options.break(site, host)))
  await sleep(options.seconds * 1000)
  const mendedAt = now()
  await Promise.all(hosts.map(host => options.mend(site, host)))
  const returned = options.isExecutors ? await whenBack(site, hosts[0]!, mendedAt) : 0
  await library.order({ do: 'close lanes' })
  await Promise.all(flows)
  const connectionsBetween = await site.connections()
  await Promise.all(callers.map(caller => caller.order({ ...BURST, ms: [...BURST.ms], seconds: burstSeconds })))
  const connectionsAfter = await site.connections()

  const entries = await site.journal.read()
  await site.keep(
    'calls.json',
    callers.flatMap(({ calls }) => calls),
    { brokenAt, mendedAt },
  )
  const begunOn = new Map(entries.filter(({ at }) => at < brokenAt).map(({ id, host }) => [id, host]))
  const times = { brokenAt, mendedAt, begunOn, struck: hosts.map(host => host.name) }
  const rows = callers.map(caller => {
    const row = judgeCalls(startRow(name, caller, twice(entries, options, times)), caller.calls, options, times)
    row.notes.push(...fates(caller.calls, entries))
    return { ...row, isJudged: !options.unjudged?.includes(caller.kind) }
  })
  const [first, second] = rows as [Row, Row]
  if (options.isExecutors) {
    const text = returned === Infinity ? 'did not return' : `worked again after ${(returned / 1000).toFixed(1)} s`
    ;(returned > RETURN_MS ? first.failures : first.notes).push(`${hosts[0]!.name} ${text}`)
  }
  // A plain client's own connection is its own affair.
  for (const { name: of, text } of judgeConnections(connectionsBefore, connectionsBetween, connectionsAfter))
    (of === plain.host.name ? second.notes : first.failures).push(`${of} ${text}`)
  return rows
}

/** How long it took until the host computed something that was sent after it had been mended. */
async function whenBack(site: Site, host: Host, mendedAt: number): Promise<number> {
  while (now() < mendedAt + RETURN_AT_MOST_MS) {
    const entries = await site.journal.readHost(host.name)
    const first = entries.find(({ what, sent }) => what === 'start' && sent > mendedAt)
    if (first) return first.at - mendedAt
    await sleep(100)
  }
  return Infinity
}

function twice(entries: Entry[], { isOnce, isExecutors }: Strike, { struck }: Times): Set<string> {
  return isOnce ? computedAgain(entries) : computedTwice(entries, isExecutors ? struck[0] : undefined)
}

function judgeCalls(row: Row, calls: Call[], { ideal, limits, isOnce }: Strike, times: Times): Row {
  const failures = [...row.failures]
  let late = 0
  let worst = 0
  for (const call of calls) {
    const delay = call.ended - ideal(call, times)
    worst = Math.max(worst, delay)
    if (call.error === undefined && delay > limits[row.kind]) late++
  }
  if (late > 0) failures.push(`${late} answered later than ${limits[row.kind] / 1000} s beyond the ideal`)
  if (isOnce && row.twice > 0) failures.push(`${row.twice} computed again`)
  return { ...row, worst, failures }
}

/** How far the requests came that were not answered. */
function fates(calls: Call[], entries: Entry[]): string[] {
  const lost = calls.filter(({ error }) => error !== undefined)
  if (lost.length === 0) return []
  const idsOf = (what: Entry['what']) => new Set(entries.filter(entry => entry.what === what).map(({ id }) => id))
  const [begun, ended] = [idsOf('start'), idsOf('end')]
  const count = (isSo: (id: string) => boolean) => lost.filter(({ id }) => isSo(id)).length
  return [
    `not answered: ${count(id => !begun.has(id))} never began, ${count(id => begun.has(id) && !ended.has(id))} did not end, ${count(id => ended.has(id))} were computed`,
  ]
}

/** Each host is to have as many as before, and to keep them once all is well again. */
function judgeConnections(before: Connection[], between: Connection[], after: Connection[]) {
  const count = (list: Connection[], name: string) => list.filter(({ host }) => host === name).length
  const names = new Set(before.map(({ host }) => host))
  const known = new Set(between.map(({ id }) => id))
  return [...names].flatMap(name => {
    const [had, has] = [count(before, name), count(after, name)]
    if (has !== had) return [{ name, text: `has ${has} connections, ${had} before` }]
    const isNew = after.some(({ host, id }) => host === name && !known.has(id))
    return isNew ? [{ name, text: 'has connected again during the bursts' }] : []
  })
}
