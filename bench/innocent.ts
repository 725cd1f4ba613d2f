// Somebody who only works: the client of the attacks' benchmark, a process of its own. From one message to the next it calls all the
// time, each call after the one before, by the library and with plain requests, and tells then how long they took.
import { connect } from 'nats'
import { ExecutorClient } from 'nats-executor'
import { ID } from './attack-list.js'

export interface Work {
  /** Milliseconds from the sending to the answer. */
  waits: number[]
  /** What went wrong, a line for each. */
  failures: string[]
}

const LANES = { library: 4, plain: 2 }
const COMPUTE_MS = 20
const TIMEOUT_MS = 20_000

const [servers, service, inboxPrefix] = process.argv.slice(2) as [string, string, string]
const client = new ExecutorClient({ connection: { servers, inboxPrefix }, service, timeout: TIMEOUT_MS })
const address = new URL(servers)
const nc = await connect({
  servers: address.host,
  user: address.username,
  pass: address.password,
  inboxPrefix,
  noAsyncTraces: true,
})

let count = 0
const calls = {
  library: () => client.call(COMPUTE_MS, { requestId: `${ID}-${++count}` }),
  plain: async () => {
    const reply = await nc.request(service, String(COMPUTE_MS), { timeout: TIMEOUT_MS })
    const error = reply.headers?.get('Nats-Service-Error')
    if (error) throw new Error(error)
    return reply.json()
  },
}

function start() {
  const work: Work = { waits: [], failures: [] }
  const over = new AbortController()
  const lane = async (kind: keyof typeof calls) => {
    while (!over.signal.aborted) {
      const sent = performance.now()
      try {
        const result = await calls[kind]()
        work.waits.push(performance.now() - sent)
        if (result !== COMPUTE_MS) work.failures.push(`${kind}: a wrong result`)
      } catch (error) {
        work.failures.push(`${kind}: ${(error as Error).message}`)
      }
    }
  }
  const kinds = Object.keys(LANES) as (keyof typeof LANES)[]
  const lanes = kinds.flatMap(kind => Array.from({ length: LANES[kind] }, () => lane(kind)))
  return async () => {
    over.abort()
    await Promise.all(lanes)
    return work
  }
}

let stop: (() => Promise<Work>) | undefined
process.on('message', async () => {
  if (stop) {
    process.send!(await stop())
    stop = undefined
  } else stop = start()
})
process.send!('ready')
