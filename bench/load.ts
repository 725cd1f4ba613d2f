// The client of the throughput benchmark: a process of its own, which calls as often as it can for as long as it is told.
// It is of the checkout whose folder it gets, so that two commits can be compared.
import { randomBytes } from 'node:crypto'
import { connect } from 'nats'

export type Kind = 'bare' | 'lean' | 'call' | 'map' | 'bare bytes' | 'call bytes'
/** How many there are in a call with bytes. */
export const BYTES = 100_000
export interface Order {
  inFlight: number
  ms: number
}
export interface Load {
  calls: number
  seconds: number
  /** Latencies in milliseconds: the median, and what one of a hundred exceeds. */
  p50: number
  p99: number
  cpuSeconds: number
}

const [kind, servers, service, option, library] = process.argv.slice(2) as [Kind, string, string, string, string]

const { ExecutorClient } = await import(library)
const client = new ExecutorClient({ connection: { servers }, [option]: service })
const nc = await connect({ servers, noAsyncTraces: kind === 'lean' })
const bytes = new Uint8Array(randomBytes(BYTES))
const calls: Partial<Record<Kind, () => Promise<unknown>>> = {
  call: () => client.call(1),
  'call bytes': async () => check(await client.call(bytes)),
  'bare bytes': async () => check((await nc.request(service, bytes)).data),
}
const call = calls[kind] ?? (() => nc.request(service, '1'))
process.on('message', async (order: Order) => process.send!(await load(order)))
process.send!('ready')

function check({ length }: Uint8Array) {
  if (length !== BYTES) throw new Error('a wrong result')
}

async function load({ inFlight, ms }: Order): Promise<Load> {
  const before = process.cpuUsage()
  const from = performance.now()
  const until = from + ms
  const latencies: number[] = []
  let count = 0
  if (kind === 'map') {
    const ones = function* () {
      while (performance.now() < until) yield* Array.from({ length: 100 }, () => 1)
    }
    for await (const { result } of client.map(ones())) {
      if (result !== 1) throw new Error('a wrong result')
      count++
    }
  } else
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (performance.now() < until) {
          const sent = performance.now()
          await call()
          latencies.push(performance.now() - sent)
          count++
        }
      }),
    )
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(before)
  latencies.sort((a, b) => a - b)
  return {
    calls: count,
    seconds,
    p50: latencies[Math.floor(0.5 * latencies.length)] ?? NaN,
    p99: latencies[Math.floor(0.99 * latencies.length)] ?? NaN,
    cpuSeconds: (user + system) / 1e6,
  }
}
