// `npm run chaos`: calls go on while what computes them is struck.
import { parseArgs } from 'node:util'
import { readOrEnd } from '../../dev/usage.js'
import { type ChaosOptions, chaos } from './chaos.js'

const USAGE = `usage: npm run chaos -- [options]
  --seconds <n>  how long (default: 300)
  --seed <n>     repeats the strikes and the workload of a run
  --cluster      on three servers, whose lines fail, too
  --churn <n>    executors only stop and start, for so many short calls that are sent once: each must be computed once
`

const { seed, seconds, churn, isCluster } = readOrEnd(USAGE, readOptions)
const size = { seed, clients: 4, executors: 8, inFlight: 32 }
const options: ChaosOptions = churn
  ? { ...size, calls: churn, pauseMs: 400, strikes: [['stop', 1]], retries: 0, duration: random => 3 * random() }
  : { ...size, seconds, pauseMs: 1500, isCluster }
process.stdout.write(`chaos: seed ${seed}, ${churn ? `${churn} calls` : `${seconds} s`}\n`)
const outcome = await chaos(options)
process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`)
const { calls: made, right, slotDeaths, slotKills, executorDeaths, wrongExits, left, computedTwice } = outcome
if (right + slotDeaths + executorDeaths !== made || slotDeaths > slotKills || wrongExits.length > 0 || left > 0)
  process.exitCode = 1
if (churn && computedTwice > 0) process.exitCode = 1

function readOptions() {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { seconds: text, seed: text, churn: text, cluster: { type: 'boolean' } } })
  const seed = Number(values.seed ?? Date.now() % 1e9)
  const seconds = Number(values.seconds ?? 300)
  const churn = values.churn === undefined ? undefined : Number(values.churn)
  if (!Number.isInteger(seed) || !(seconds > 0) || (churn !== undefined && !(churn > 0)))
    throw new RangeError('--seconds, --seed and --churn take numbers')
  return { seed, seconds, churn, isCluster: values.cluster === true }
}
