// A client on a host of its own: `node caller.js library|plain SERVERS TIMEOUT`. It takes orders as JSON, one a line of stdin,
// and tells of each call that has ended, and of each order that is done, likewise on stdout. Ended by its host.
import { createInterface } from 'node:readline'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'nats'
import { ExecutorClient } from 'nats-executor'
import { seededRandom } from '../../dev/random.js'
import type { Call, Order, Report } from './calls.js'
import { now } from './clock.js'
import type { Work } from './work.js'

export const SUBJECT = 'work'

type Compute = (work: Work) => Promise<any>

const [kind = '', servers = '', timeout = ''] = process.argv.slice(2)
const connection = { servers: servers.split(','), noRandomize: true, maxReconnectAttempts: -1 }
const tell = (report: Report) => process.stdout.write(`${JSON.stringify(report)}\n`)
const random = seededRandom(kind.length)
const draw = ([from, to]: [number, number]) => Math.round(from + (to - from) * random())

/** Its timeout is the default. */
function library(): Compute {
  const client = new ExecutorClient({ connection, service: SUBJECT })
  return work => client.call(work)
}

/** What any client of NATS can do; it also counts what comes for each request. */
async function plain(): Promise<Compute> {
  const inboxPrefix = `_INBOX.${kind}`
  const nc = await connect({ ...connection, inboxPrefix })
  const inboxes = new Set<string>()
  nc.subscribe(`${inboxPrefix}.>`, {
    callback: (_, { subject, data, headers }) => {
      if (headers?.code === 503 || data.length === 0) return
      if (inboxes.has(subject)) tell({ doubled: true })
      inboxes.add(subject)
    },
  })
  return async work => {
    const reply = await nc.request(SUBJECT, JSON.stringify(work), { timeout: Number(timeout) })
    const code = reply.headers?.get('Nats-Service-Error-Code')
    if (code) throw new Error(`error ${code}: ${reply.headers!.get('Nats-Service-Error')}`)
    return reply.json()
  }
}

const compute = kind === 'library' ? library() : await plain()
let count = 0
const lanes = { areOpen: false }

async function call(phase: Call['phase'], ms: number) {
  const id = `${kind}-${++count}`
  const sent = now()
  const report = { id, phase, ms, sent }
  try {
    const result = await compute({ id, ms, sent })
    const isRight = result.id === id && result.square === ms * ms
    tell({ call: { ...report, ended: now(), isRight, host: result.host, computeMs: result.computeMs } })
  } catch (error) {
    const { name, message } = error as Error
    tell({ call: { ...report, ended: now(), error: name === 'Error' || name === 'NatsError' ? message : name } })
  }
}

async function obey(order: Order) {
  if (order.do === 'close lanes') {
    lanes.areOpen = false
  } else if (order.do === 'lanes') {
    lanes.areOpen = true
    const lane = async () => {
      while (lanes.areOpen) await call('lanes', draw(order.ms))
    }
    await Promise.all(Array.from({ length: order.count }, lane))
  } else if (order.do === 'bursts') {
    const calls: Promise<void>[] = []
    for (const until = now() + order.seconds * 1000; now() < until; await sleep(500))
      for (let i = 0; i < order.count; i++) calls.push(call('bursts', draw(order.ms)))
    await Promise.all(calls)
  } else {
    const start = now()
    const calls: Promise<void>[] = []
    for (const { at, ms } of order.arrivals) {
      const wait = start + at - now()
      if (wait > 0) await sleep(wait)
      calls.push(call('list', ms))
    }
    await Promise.all(calls)
  }
}

const stalls = monitorEventLoopDelay({ resolution: 10 })
stalls.enable()
tell({ ready: true })
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Order
  void obey(order).then(() => tell({ done: order.number, longestStall: stalls.max / 1e6 }))
}
