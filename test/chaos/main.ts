// `npm run chaos`: five minutes of it, or as long as `--seconds` says; `--seed` repeats a run's strikes and workload;
// `--cluster`: on three servers, whose lines fail, too.
// With `--churn` executors only stop and start, for that many short calls which are sent once, and each of them must be
// computed once.
import { parseArgs } from 'node:util'
import { type ChaosOptions, chaos } from './chaos.js'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: { seconds: text, seed: text, churn: text, cluster: { type: 'boolean' } },
})
const seed = Number(values.seed ?? Date.now() % 1e9)
const seconds = Number(values.seconds ?? 300)
const calls = Number(values.churn ?? 1)
if (!Number.isInteger(seed) || !(seconds > 0) || !(calls > 0)) {
  process.stderr.write('chaos: --seconds, --seed and --churn take numbers\n')
  process.exit(2)
}
const size = { seed, clients: 4, executors: 8, inFlight: 32 }
const options: ChaosOptions = values.churn
  ? { ...size, calls, pauseMs: 400, strikes: [['stop', 1]], retries: 0, duration: random => 3 * random() }
  : { ...size, seconds, pauseMs: 1500, isCluster: values.cluster === true }
process.stdout.write(`chaos: seed ${seed}, ${values.churn ? `${calls} calls` : `${seconds} s`}\n`)
const outcome = await chaos(options)
process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`)
const { calls: made, right, slotDeaths, slotKills, wrongExits, left, computedTwice } = outcome
if (right + slotDeaths !== made || slotDeaths > slotKills || wrongExits.length > 0 || left > 0) process.exitCode = 1
if (values.churn && computedTwice > 0) process.exitCode = 1
