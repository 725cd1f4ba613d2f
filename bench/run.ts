// One run: executors that are started for it, a list of requests, and what came of it beside the ideal.
import { setTimeout as sleep } from 'node:timers/promises'
import { type NatsConnection, createInbox } from 'nats'
import { type Arrival, poissonList } from './arrivals.js'
import { cpuMs } from './cpu.js'
import { idealResponses } from './ideal.js'
import { type Member, capacity } from './pool-members.js'
import { startExecutor, stop } from './processes.js'
import { type Sample, send } from './send.js'
import { mean, quantile } from './statistics.js'

const SERVICE = 'sleep'
const READY_MS = 30_000
const GATHER_MS = 300
/** Between two lists of one run. */
const PAUSE_MS = 100
/**
 * Programs that have just started are slow, for some thousand requests each: that is not what is measured. No more slots are
 * kept busy than two cores can serve.
 */
const WARM_UP = { requestsOfSlot: 2500, load: 0.7, busySlots: 5.6 }

/** Servers, and a connection to the first of them. */
export interface Site {
  nc: NatsConnection
  urls: string[]
  pids: number[]
}

export interface RunOptions {
  site: Site
  balance: boolean
  members: Member[]
  /** Sent one after the other. */
  lists: Arrival[][]
  /** That of the executors, if it is not the one that sleeps. */
  module?: string
}

export interface Run {
  /** For each list: what the requests' response times were, and what they would have been ideally. */
  lists: { samples: Sample[]; real: number[]; ideal: number[] }[]
  messagesPerRequest: number
  /** Milliseconds of the processors for a request: of the executors with their slots, and of the servers. */
  executorMs: number
  serverMs: number
}

export async function run({ site, balance, members, lists, module }: RunOptions): Promise<Run> {
  const { nc, urls } = site
  const executors = members.map((member, i) => ({
    member,
    child: startExecutor({ url: urls[i % urls.length]!, service: SERVICE, balance, member, module }),
  }))
  const pids = executors.map(({ child }) => child.pid!)
  try {
    const memberOfPid = new Map(executors.map(({ member, child }) => [String(child.pid), member]))
    const byId = await whenReady(nc, SERVICE, memberOfPid)
    await send(nc, SERVICE, warmUp(capacity(members)), byId)
    const messagesBefore = await messages(nc)
    const before = [cpuMs(pids), cpuMs(site.pids)] as const
    const results: Run['lists'] = []
    for (const list of lists) {
      await sleep(PAUSE_MS)
      const samples = await send(nc, SERVICE, list, byId)
      const real = samples.map(({ sent, answered }) => answered - sent)
      results.push({ samples, real, ideal: idealResponses(samples, members) })
    }
    const requests = lists.reduce((sum, list) => sum + list.length, 0)
    const perRequest = (total: number) => total / requests
    const [executorMs, serverMs] = [cpuMs(pids) - before[0], cpuMs(site.pids) - before[1]].map(perRequest)
    return {
      lists: results,
      messagesPerRequest: perRequest((await messages(nc)) - messagesBefore),
      executorMs: executorMs!,
      serverMs: serverMs!,
    }
  } finally {
    await stop(...executors.map(({ child }) => child))
  }
}

function warmUp(slots: number): Arrival[] {
  const { requestsOfSlot, load, busySlots } = WARM_UP
  const count = Math.round(requestsOfSlot * slots)
  return poissonList({ durations: 'short', seed: 0, count, slots, load: Math.min(load, busySlots / slots) })
}

/** Resolves, with the members by their ids, when all executors take requests. */
export async function whenReady(
  nc: NatsConnection,
  service: string,
  memberOfPid: Map<string, Member>,
): Promise<Map<string, Member>> {
  const until = performance.now() + READY_MS
  for (;;) {
    const infos = await ask(nc, service, 'INFO')
    const known = infos.filter(({ metadata }) => memberOfPid.has(metadata.pid))
    if (known.length === memberOfPid.size)
      return new Map(known.map(({ id, metadata }) => [id, memberOfPid.get(metadata.pid)!]))
    if (performance.now() > until) throw new Error(`only ${known.length} of ${memberOfPid.size} executors are ready`)
  }
}

/** How many messages of their own the executors have sent; a "no responders" that they got counts as well. */
async function messages(nc: NatsConnection): Promise<number> {
  const stats = await ask(nc, SERVICE, 'STATS')
  return stats.reduce((sum, { endpoints }) => sum + (endpoints[0].data.messages ?? 0), 0)
}

/** Asks all executors by ADR-32. */
async function ask(nc: NatsConnection, service: string, verb: 'INFO' | 'STATS'): Promise<any[]> {
  const answers: any[] = []
  const inbox = nc.subscribe(createInbox(), {
    callback: (_, message) => message.headers?.code !== 503 && answers.push(message.json()),
  })
  nc.publish(`$SRV.${verb}.${service}`, '', { reply: inbox.getSubject() })
  await sleep(GATHER_MS)
  inbox.unsubscribe()
  return answers
}

/** A run of one list against its ideal. */
export function compare({ real, ideal }: Run['lists'][number]) {
  return { mean: mean(real) / mean(ideal), p99: quantile(real, 0.99) / quantile(ideal, 0.99) }
}

/** When the last request of a burst was answered, against the ideal. */
export function compareMakespan({ samples, ideal }: Run['lists'][number]) {
  const first = samples[0]!.sent
  const makespan = Math.max(...samples.map(({ answered }) => answered)) - first
  return makespan / (Math.max(...samples.map(({ sent }, i) => sent + ideal[i]!)) - first)
}
