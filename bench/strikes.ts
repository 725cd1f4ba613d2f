// `npm run bench:strikes`: what becomes of requests when the matchmaker is struck. Eight executors, exponential 50 ms at 80 % load, calls of
// the library; the matchmaker is killed, paused or cut off, or a partition of two servers has made two of them.
//
// A request is late by what it takes longer than in one central queue (ideal.ts), which has a slot less while the struck executor is away,
// and otherwise loses nothing. What the struck executor had or got counts by itself: that it is gone has to be found out first. With a
// partition lateness says nothing: each half has its own queue.
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readOrEnd } from '../dev/usage.js'
import { type NatsConnection, connect } from 'nats'
import { ExecutorClient } from 'nats-executor'
import { startCluster } from '../test/fixtures/cluster.js'
import { type Link, startLink } from '../test/fixtures/link.js'
import { type Arrival, poissonList } from './arrivals.js'
import { Beacons } from './beacons.js'
import { idealResponses } from './ideal.js'
import { type Member, equalMembers } from './pool-members.js'
import { startExecutor, startServers, stopAll, stopAllOnSignals } from './processes.js'
import { warnUnlessQuiet } from './quiet.js'
import { whenReady } from './run.js'
import { send } from './send-calls.js'

const USAGE = `usage: npm run bench:strikes -- [options]
  --rounds <n>    of each strike (default: 5)
  --only <words>  only strikes whose names contain one of these, separated by commas
`
const SERVICE = 'sleep'
const MODULE = fileURLToPath(new URL('attempts.js', import.meta.url))
const SLOTS = 8
const LOAD = 0.8
/** Of the durations. */
const MEAN_MS = 50
const STRIKE_AT_MS = 4000
const RUN_MS = 15_000
const WARM_UP_MS = 3000
const PAUSE_MS = 3000
const CUT_MS = 5000
const PARTITION_MS = 4000
/** Nothing is to be later than this, nor two matchmakers there for longer. */
const LIMIT_MS = 2000
/** Two matchmakers would be heard within this time. */
const QUIET_MS = 3000

interface Struck {
  id: string
  child: ChildProcess
  link: Link | undefined
}

interface Strike {
  name: string
  /** Whether each executor has a line of its own. */
  hasLinks?: boolean
  /** How long it lasts; for ever, if it is not said. */
  ms?: number
  break(struck: Struck): unknown
  mend?(struck: Struck): unknown
}

interface Outcome {
  requests: number
  failures: string[]
  /** The latest request that the struck executor never had, and that it had: milliseconds beyond the ideal; NaN where there is none. */
  late: number
  lateOfStruck: number
  ofStruck: number
  /** How long it took until there was one matchmaker again. */
  againMs: number
  /** How many there were at the end. */
  matchmakers: number
}

const STRIKES: Strike[] = [
  { name: 'killed', break: ({ child }) => child.kill('SIGKILL') },
  {
    name: `paused for ${PAUSE_MS / 1000} s`,
    ms: PAUSE_MS,
    break: ({ child }) => child.kill('SIGSTOP'),
    mend: ({ child }) => child.kill('SIGCONT'),
  },
  {
    name: `cut off for ${CUT_MS / 1000} s`,
    hasLinks: true,
    ms: CUT_MS,
    break: ({ link }) => link!.cut(),
    mend: ({ link }) => link!.mend(),
  },
]
const PARTITION = `a partition of ${PARTITION_MS / 1000} s, healed`

const { rounds, words } = readOrEnd(USAGE, readOptions)
const isWanted = (name: string) => words.some(word => name.includes(word))
stopAllOnSignals()
try {
  print(['the matchmaker is', 'requests', 'lost', 'late, of others', 'late, of the struck one’s', 'one again after'])
  for (const strike of STRIKES) if (isWanted(strike.name)) await measure(strike.name, ends => strikeOne(strike, ends))
  if (isWanted(PARTITION)) await measure(PARTITION, healPartition)
} finally {
  await stopAll()
}

type Ends = (() => unknown)[]

async function measure(name: string, play: (ends: Ends) => Promise<Outcome>) {
  const outcomes: Outcome[] = []
  for (let i = 0; i < rounds; i++) {
    await warnUnlessQuiet()
    const ends: Ends = []
    try {
      outcomes.push(await play(ends))
    } finally {
      for (const end of ends) await end()
      await stopAll()
    }
  }
  const all = (value: (outcome: Outcome) => number) => outcomes.map(value)
  const sum = (values: number[]) => String(values.reduce((total, value) => total + value, 0))
  const ofStruck = all(outcome => outcome.ofStruck)
  print([
    name,
    sum(all(({ requests }) => requests)),
    sum(all(({ failures }) => failures.length)),
    seconds(all(({ late }) => late)),
    `${seconds(all(({ lateOfStruck }) => lateOfStruck))} (${sum(ofStruck)})`,
    seconds(all(({ againMs }) => againMs)),
  ])
  if (outcomes.some(({ matchmakers }) => matchmakers !== 1)) process.stdout.write('  not one matchmaker at the end\n')
  for (const failure of new Set(outcomes.flatMap(({ failures }) => failures))) process.stdout.write(`  ${failure}\n`)
}

async function strikeOne(strike: Strike, ends: Ends): Promise<Outcome> {
  const [server] = await startServers(1)
  const owner = { teardown: (end: () => unknown) => void ends.push(end) }
  const members = equalMembers(SLOTS)
  const executors = []
  for (const member of members) {
    const link = strike.hasLinks ? await startLink(owner, server!.port) : undefined
    executors.push({ member, link, child: startMember(link?.url ?? server!.url, member) })
  }
  const nc = await connectTo(server!.url, ends)
  const beacons = new Beacons([nc], SERVICE)
  const byId = await whenReady(nc, SERVICE, new Map(executors.map(({ child, member }) => [String(child.pid), member])))
  const client = clientOf(server!.url, ends)
  await send(client, arrivals(WARM_UP_MS), byId)

  const failures: string[] = []
  const sending = send(client, arrivals(RUN_MS), byId, failures)
  await sleep(STRIKE_AT_MS)
  const { id } = beacons.last!
  const member = byId.get(id)!
  const struck = { id, ...executors.find(executor => executor.member === member)! }
  const from = performance.now()
  strike.break(struck)
  if (strike.ms !== undefined) {
    await sleep(strike.ms)
    strike.mend!(struck)
  }
  const until = strike.ms === undefined ? Infinity : performance.now()
  const samples = await sending
  const ideal = idealResponses(samples, members, { member, from, until })
  const lateness = samples.map(({ sent, answered }, i) => answered - sent - ideal[i]!)
  const wasThere = samples.map(
    ({ attempt, executorId, sent, answered }) => attempt > 1 || (executorId === id && answered > from && sent < until),
  )
  const another = beacons.since(from).find(beacon => beacon.id !== id)
  return {
    requests: samples.length + failures.length,
    failures,
    late: Math.max(...lateness.filter((_, i) => !wasThere[i])),
    lateOfStruck: Math.max(0, ...lateness.filter((_, i) => wasThere[i])),
    ofStruck: wasThere.filter(Boolean).length,
    againMs: another ? another.at - from : Infinity,
    matchmakers: (await lastOnes(beacons)).size,
  }
}

/** Two servers, each with half of the executors and a client of its own. */
async function healPartition(ends: Ends): Promise<Outcome> {
  const { servers, routes } = await startCluster({ teardown: end => void ends.push(end) }, { size: 2, hasLinks: true })
  const members = equalMembers(SLOTS)
  const pids = new Map(
    members.map((member, i) => [String(startMember(servers[i % 2]!.url, member).pid), member] as const),
  )
  const places = await Promise.all(servers.map(({ url }) => connectTo(url, ends)))
  const beacons = new Beacons(places, SERVICE)
  const halves = places.map(nc => new Beacons([nc], SERVICE))
  const byId = await whenReady(places[0]!, SERVICE, pids)
  const clients = servers.map(({ url }) => clientOf(url, ends))
  await Promise.all(clients.map(client => send(client, arrivals(WARM_UP_MS, 0.5), byId)))

  const failures: string[] = []
  const sending = Promise.all(clients.map((client, i) => send(client, arrivals(RUN_MS, 0.5, i + 1), byId, failures)))
  await sleep(STRIKE_AT_MS)
  const route = routes[1]![0]!
  route.cut()
  await sleep(PARTITION_MS)
  const both = new Set(halves.map(({ last }) => last?.id))
  if (both.size !== 2) throw new Error('the halves have not got a matchmaker each')
  const healedAt = performance.now()
  route.mend()
  await sleep(QUIET_MS)
  const samples = (await sending).flat()
  const remaining = await lastOnes(beacons)
  const last = beacons.since(healedAt).findLast(({ id }) => !remaining.has(id))
  return {
    requests: samples.length + failures.length,
    failures,
    late: NaN,
    lateOfStruck: NaN,
    ofStruck: 0,
    againMs: last ? last.at - healedAt : 0,
    matchmakers: remaining.size,
  }
}

/** Who says for a while from now on that it is the matchmaker. */
async function lastOnes(beacons: Beacons): Promise<Set<string>> {
  const from = performance.now()
  await sleep(QUIET_MS)
  return new Set(beacons.since(from).map(({ id }) => id))
}

function arrivals(ms: number, share = 1, seed = 1): Arrival[] {
  const slots = SLOTS * share
  const count = Math.round((ms * slots * LOAD) / MEAN_MS)
  return poissonList({ durations: 'exponential', load: LOAD, seed, count, slots })
}

function startMember(url: string, member: Member) {
  return startExecutor({ url, service: SERVICE, balance: true, member, module: MODULE })
}

async function connectTo(url: string, ends: Ends): Promise<NatsConnection> {
  const nc = await connect({ servers: url, noAsyncTraces: true, ignoreClusterUpdates: true })
  ends.push(() => nc.close())
  return nc
}

function clientOf(url: string, ends: Ends): ExecutorClient {
  const client = new ExecutorClient({ connection: { servers: url, ignoreClusterUpdates: true }, service: SERVICE })
  ends.push(() => client.close())
  return client
}

function seconds(values: number[]): string {
  if (values.some(Number.isNaN)) return ''
  const verdict = Math.max(...values) > LIMIT_MS ? '> !' : '≤'
  return `${values.map(value => (value / 1000).toFixed(2)).join(' ')} ${verdict} ${LIMIT_MS / 1000} s`
}

function print(cells: string[]) {
  const widths = [30, 9, 5, 36, 48, 36]
  process.stdout.write(
    `${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' ')}\n`,
  )
}

function readOptions() {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { rounds: text, only: text } })
  const rounds = Number(values.rounds ?? 5)
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds takes a number')
  return { rounds, words: values.only?.split(',') ?? [''] }
}
