// `npm run bench:functions`: what a service of many functions costs beside one of a single function: messages and processor time of
// a request, memory of an idle executor, subscriptions. All functions are the same, and the same requests go to them by turns.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'nats'
import { startNatsServer } from '../cmd/nats-server.js'
import { type Arrival, poissonList } from './arrivals.js'
import { childrenOf } from './cpu.js'
import { capacity, equalMembers } from './pool-members.js'
import { privateMiB } from './private-memory.js'
import { SLEEP, startExecutor, stop, stopAll, stopAllOnSignals } from './processes.js'
import { warnUnlessQuiet } from './quiet.js'
import { type Site, compare, run, whenReady } from './run.js'
import { mean, median } from './statistics.js'

const COUNTS = [1, 4, 50]
const ROUNDS = 2
const REQUESTS = 2000
const SERVICE = 'functions'
const members = equalMembers(8)
/** For what a start leaves to be done and to be collected. */
const SETTLE_MS = 5000

interface Idle {
  executorMiB: number
  slotMiB: number
  ofRequests: number
  inAll: number
}

stopAllOnSignals()
const folder = mkdtempSync(join(tmpdir(), 'nats-executor-functions-'))
try {
  const server = await startNatsServer({ detached: true, args: ['-m', '-1'] })
  const nc = await connect({ servers: server.url, noAsyncTraces: true })
  const site = { nc, urls: [server.url], pids: [server.child.pid!] }
  const services = COUNTS.map(count => ({
    count,
    ...writeModule(count),
    runs: [] as Awaited<ReturnType<typeof run>>[],
  }))
  const idles = []
  for (const { module } of services) idles.push(await measureIdle(site, module, server.monitorPort!))
  for (let round = 0; round < ROUNDS; round++)
    for (const { module, names, runs } of services) {
      await warnUnlessQuiet()
      runs.push(await run({ site, balance: true, members, module, lists: [requests(names)] }))
    }
  for (const [i, { count, runs }] of services.entries()) {
    const { executorMiB, slotMiB, ofRequests, inAll } = idles[i]!
    const of = (value: (one: (typeof runs)[number]) => number) => median(runs.map(value)).toFixed(2)
    process.stdout.write(
      [
        `${String(count).padStart(3)} functions: ${of(one => one.messagesPerRequest)} messages a request`,
        `${of(one => one.executorMs)} ms of executors`,
        `${of(one => one.serverMs)} ms of the server`,
        `mean ${of(one => compare(one.lists[0]!).mean)} × ideal`,
        `idle: executor ${executorMiB.toFixed(1)} MiB, slot ${slotMiB.toFixed(1)} MiB`,
        `subscriptions: ${ofRequests} of requests, ${inAll} in all\n`,
      ].join('; '),
    )
  }
  await nc.close()
} finally {
  await stopAll()
  rmSync(folder, { recursive: true })
}

/** A module of so many functions. */
function writeModule(count: number) {
  const names = Array.from({ length: count }, (_, i) => (i === 0 ? '' : `function${i}`))
  const module = join(folder, `of-${count}.mjs`)
  const exported = names.map(name => `default as ${name || 'default'}`).join()
  writeFileSync(module, `export { ${exported} } from ${JSON.stringify(SLEEP)}\n`)
  return { names, module }
}

function requests(names: string[]): Arrival[] {
  const slots = capacity(members)
  const list = poissonList({ durations: 'exponential', load: 0.8, seed: 1, count: REQUESTS, slots })
  return list.map((arrival, i) => ({ ...arrival, functionName: names[i % names.length]! }))
}

/** Executors that have computed nothing yet. */
async function measureIdle({ nc, urls }: Site, module: string, monitorPort: number): Promise<Idle> {
  const executors = members.map(member =>
    startExecutor({ url: urls[0]!, service: SERVICE, balance: true, member, module }),
  )
  const pids = executors.map(({ pid }) => pid!)
  await whenReady(nc, SERVICE, new Map(members.map((member, i) => [String(pids[i]), member])))
  await sleep(SETTLE_MS)
  const executorMiB = mean(pids.map(privateMiB))
  const slotMiB = mean(pids.flatMap(childrenOf).map(privateMiB))
  const answer = await fetch(`http://127.0.0.1:${monitorPort}/connz?subs=1`)
  const { connections } = (await answer.json()) as { connections: { name?: string; subscriptions_list?: string[] }[] }
  const subjects = connections.find(({ name }) => name === `executor ${SERVICE}`)?.subscriptions_list ?? []
  await stop(...executors)
  const ofRequests = subjects.filter(subject => subject === SERVICE || subject.startsWith(`${SERVICE}.`)).length
  return { executorMiB, slotMiB, ofRequests, inAll: subjects.length }
}
