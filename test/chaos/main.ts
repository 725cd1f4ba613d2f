// `npm run chaos`: five minutes of it, or as long as `--seconds` says; `--seed` repeats a run's strikes and workload.
import { parseArgs } from 'node:util'
import { chaos } from './chaos.js'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '300' }, seed: { type: 'string', default: String(Date.now() % 1e9) } },
})
const seconds = Number(values.seconds)
const seed = Number(values.seed)
if (!(seconds > 0) || !Number.isInteger(seed)) {
  process.stderr.write('chaos: --seconds and --seed take numbers\n')
  process.exit(2)
}
process.stdout.write(`chaos: seed ${seed}, ${seconds} s\n`)
const outcome = await chaos({ seconds, seed, clients: 4, executors: 8, inFlight: 32, pauseMs: 1500 })
process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`)
const { calls, right, wrongExits, left } = outcome
if (right !== calls || wrongExits.length > 0 || left > 0) process.exitCode = 1
