// Several clients call without a break while a nemesis rages; then a checker reads what became of each call.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'nats'
import { ExecutionError, ExecutorClient, ExecutorDiedError } from 'nats-executor'
import { seededRandom } from '../../dev/random.js'
import { startCluster } from '../fixtures/cluster.js'
import { Server } from '../fixtures/nats-server.js'
import { ALL_STRIKES, CLUSTER_STRIKES, Nemesis, type Site, type Strikes } from './nemesis.js'

export interface ChaosOptions {
  /** How long to call. */
  seconds?: number
  /** How often to call, at most. */
  calls?: number
  seed: number
  clients: number
  executors: number
  /** Calls of one client at the same time. */
  inFlight: number
  /** Between two strikes of the nemesis, on average, in milliseconds. */
  pauseMs: number
  /** On three servers that are one cluster, whose lines may fail. */
  isCluster?: boolean
  /** What the nemesis may do; whatever it can, by default. */
  strikes?: Strikes
  /** How often a client sends a request again that was lost; by default as often as it takes. */
  retries?: number
  /** Milliseconds that a call takes; by default up to 40, but one of twenty up to 1000. */
  duration?: (random: () => number) => number
}

export interface Outcome {
  calls: number
  right: number
  wrong: number
  /** Calls that ended with an error since their slot was killed: at most one for each kill. */
  slotDeaths: number
  slotKills: number
  /** Calls that ended since three executors that computed them were killed or stood still. */
  executorDeaths: number
  /** The other errors, by their names. */
  errors: Record<string, number>
  /** What these say. */
  messages: string[]
  strikes: Record<string, number>
  wrongExits: (number | string)[]
  /** What the executors still had when all calls had ended. */
  left: number
  longestMs: number
  /** Requests that more than one executor started to compute. */
  computedTwice: number
}

/** A call's timeout: long enough to outlive whatever the nemesis does. */
const TIMEOUT_MS = 60_000
const SETTLED_MS = 20_000
/** A call ends when so many executors died of it. */
const MOST_DEATHS = 3
const SLOT_DEATH = /ended by SIGKILL/

const usualDuration = (random: () => number) => (random() < 0.05 ? 200 + 800 * random() : 40 * random())

export async function chaos(options: ChaosOptions): Promise<Outcome> {
  const { seconds = Infinity, calls = Infinity, seed, clients, executors, inFlight, pauseMs } = options
  const { duration = usualDuration, retries } = options
  const random = seededRandom(seed)
  const journals = await mkdtemp(join(tmpdir(), 'nats-executor-chaos-'))
  const cleanUps: (() => unknown)[] = []
  const site = await startSite(options.isCluster === true, cleanUps)
  const strikes = options.strikes ?? (options.isCluster ? CLUSTER_STRIKES : ALL_STRIKES)
  const nemesis = new Nemesis(site, strikes, journals, random)
  const errors: Record<string, number> = {}
  const messages = new Set<string>()
  const died: { value: number; error: ExecutorDiedError }[] = []
  const failed = ({ name, message }: Error) => {
    errors[name] = (errors[name] ?? 0) + 1
    messages.add(message)
  }
  const outcome = { calls: 0, right: 0, wrong: 0, slotDeaths: 0, executorDeaths: 0, longestMs: 0 }
  try {
    await nemesis.start(executors)
    const until = performance.now() + seconds * 1000
    const callers = Array.from({ length: clients }, async (_, number) => {
      const workload = seededRandom(seed + 1 + number)
      const client = new ExecutorClient({
        connection: { servers: [...site.urls] },
        service: 'chaos',
        timeout: TIMEOUT_MS,
        ...(retries === undefined ? {} : { retries }),
      })
      const one = async () => {
        while (performance.now() < until && outcome.calls < calls) {
          const value = ++outcome.calls
          const ms = duration(workload)
          const from = performance.now()
          try {
            const result = await client.call<{ value: number; square: number }>({ value, ms })
            if (result.value === value && result.square === value * value) outcome.right++
            else outcome.wrong++
          } catch (error) {
            const { message } = error as Error
            if (error instanceof ExecutionError && SLOT_DEATH.test(message)) outcome.slotDeaths++
            else if (error instanceof ExecutorDiedError) died.push({ value, error })
            else failed(error as Error)
          }
          outcome.longestMs = Math.max(outcome.longestMs, performance.now() - from)
        }
      }
      await Promise.all(Array.from({ length: inFlight }, one))
      await client.close()
    })
    const raging = nemesis.rage(pauseMs)
    const called = Promise.all(callers)
    await Promise.race([called, seconds === Infinity ? called : sleep(seconds * 1000)])
    await nemesis.heal()
    await raging
    await called
    const left = await settled(site.urls)
    await nemesis.stop()
    const computedBy = await readJournals(journals)
    for (const { value, error } of died) {
      const struck = computedBy.get(value)?.filter(pid => nemesis.struck.has(pid))
      if (new Set(struck).size >= MOST_DEATHS) outcome.executorDeaths++
      else failed(error)
    }
    let computedTwice = 0
    for (const pids of computedBy.values()) if (pids.length > 1) computedTwice++
    return {
      ...outcome,
      computedTwice,
      slotKills: nemesis.slotKills,
      errors,
      messages: [...messages],
      strikes: Object.fromEntries(nemesis.counts),
      wrongExits: nemesis.wrongExits,
      left,
    }
  } finally {
    nemesis.kill()
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
    await rm(journals, { recursive: true })
  }
}

async function startSite(isCluster: boolean, cleanUps: (() => unknown)[]): Promise<Site> {
  const teardown = (cleanUp: () => unknown) => void cleanUps.push(cleanUp)
  if (isCluster) {
    const cluster = await startCluster({ teardown }, { hasLinks: true })
    return { servers: cluster.servers, urls: cluster.urls, linesOf: i => cluster.linesOf(i) }
  }
  const server = new Server([])
  teardown(() => server.kill())
  await server.start()
  return { servers: [server], urls: [server.url], linesOf: () => [] }
}

/** The executors that have started to compute each value, by their pids, as the files of a folder say. */
async function readJournals(folder: string): Promise<Map<number, number[]>> {
  const computedBy = new Map<number, number[]>()
  for (const file of await readdir(folder))
    for (const line of (await readFile(join(folder, file), 'utf8')).split('\n').slice(0, -1)) {
      const pids = computedBy.get(Number(line)) ?? []
      computedBy.set(Number(line), [...pids, Number.parseInt(file)])
    }
  return computedBy
}

/** How many requests the executors still hold; waits for them to notice that nobody wants them any more. */
async function settled(urls: readonly string[]): Promise<number> {
  const nc = await connect({ servers: [...urls] })
  try {
    const until = performance.now() + SETTLED_MS
    for (;;) {
      let held = 0
      for await (const reply of await nc.requestMany('$SRV.STATS.chaos', '', { maxWait: 500 })) {
        const { backlog, computing } = reply.json<any>().endpoints[0].data
        held += backlog + computing
      }
      if (held === 0 || performance.now() > until) return held
    }
  } finally {
    await nc.close()
  }
}
