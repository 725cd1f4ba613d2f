// `npm run hosts`: the whole on hosts of its own, whose power and links fail, and at a distance from each other.
//
// Each host is a network namespace with one interface; a switch in user space (switch.py) stands between them. It needs Linux,
// root, /dev/net/tun, python3, and the commands `ip` and `nsenter`: where one is missing it says so and ends with code 77
// (skipped). It leaves nothing behind: no namespace has a name, and all that runs in one ends with the switch, and that with
// this process. Several runs may go on at the same time.
//
// Each scenario (scenarios.ts) has servers, executors (cmd/executor, with work.ts) and two clients (caller.ts) on hosts of
// their own: one uses the library, one is bare nats.js. A scenario's lines are printed when it is over.
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findNatsServer } from '../../cmd/find-nats-server.js'
import { readOrEnd } from '../../dev/usage.js'
import { whyNot } from './possible.js'
import { format, heading, isFailure, type Row } from './row.js'
import { SCENARIOS, type Scenario } from './scenarios.js'

const HELP = `Usage: npm run hosts -- [options]

  --only <text>         only the scenarios with this in their names, several separated by commas
  --list                print the scenarios' names
  --nats-server <path>  the server (default: $NATS_SERVER, or the one of the PATH)
  --watched             somebody subscribes to everything, and keeps a stream of what executors say among themselves
  --bursts <seconds>    how long bursts of calls follow when all is well again (default: 10)
  --jobs <n>            how many scenarios at the same time (default: 3), but for those that measure distances
  --logs <folder>       keep what servers and executors print, and the journals of what was computed
  --help

The columns: calls of that client, answered ones, wrong answers among these; requests computed more than once, not counting
what a struck executor computed (where links fail: those that began when a result was there already); replies to plain
requests beyond the first one; and the worst delay beyond what was possible. What is asked of each scenario is in scenarios.ts.

Exit codes: 0 all scenarios pass, 1 one fails, 2 wrong usage, 77 skipped: not possible on this machine.
`
const SKIPPED = 77

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const options = { only: text, 'nats-server': text, bursts: text, jobs: text, logs: text } as const
const flags = { list: flag, watched: flag } as const

function readArguments() {
  const { values } = parseArgs({ options: { ...options, ...flags } })
  const words = values.only?.split(',').map(word => word.trim()) ?? ['']
  const chosen = SCENARIOS.filter(({ name }) => words.some(word => name.includes(word)))
  const [bursts, jobs] = [Number(values.bursts ?? 10), Number(values.jobs ?? 3)]
  if (chosen.length === 0) throw new RangeError(`no scenario has "${values.only}" in its name`)
  if (!(bursts > 0) || !Number.isInteger(jobs) || jobs < 1) throw new RangeError('--bursts and --jobs take numbers')
  return { ...values, chosen, bursts, jobs }
}

const { chosen, bursts, jobs, list, logs, watched = false, ...given } = readOrEnd(HELP, readArguments)
if (list) {
  process.stdout.write(SCENARIOS.map(({ name }) => `${name}\n`).join(''))
  process.exit(0)
}
const natsServer = given['nats-server'] ?? findNatsServer()
const reason = natsServer === undefined ? 'there is no nats-server' : await whyNot()
if (natsServer === undefined || reason !== undefined) {
  process.stderr.write(`hosts: skipped, since ${reason}\n`)
  process.exit(SKIPPED)
}

const folder = logs ?? (await mkdtemp(join(tmpdir(), 'nats-executor-hosts-')))
if (!logs) process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const rows: Row[] = []
let broken = 0

async function play(scenario: Scenario) {
  const own = join(folder, scenario.name.replace(/\W+/g, '-'))
  // What an earlier run has left there is not this one's.
  await rm(own, { recursive: true, force: true })
  await mkdir(own, { recursive: true })
  try {
    const played = await scenario.run({ natsServer: natsServer!, isWatched: watched }, own, bursts)
    for (const row of played) process.stdout.write(`${format(row)}\n`)
    rows.push(...played)
  } catch (error) {
    broken++
    process.stdout.write(`${scenario.name}: FAIL: ${(error as Error).stack}\n`)
  }
}

async function playAll(scenarios: Scenario[], atOnce: number) {
  const left = [...scenarios]
  const one = async () => {
    for (let next = left.shift(); next; next = left.shift()) await play(next)
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    process.stderr.write('hosts: interrupted\n')
    // The switches see the end of this process, and end all that belongs to it.
    process.exit(1)
  })
process.stdout.write(`${heading}\n`)
// The long ones first, so that none is alone at the end.
await playAll(
  chosen.filter(({ isQuiet }) => !isQuiet).toSorted((a, b) => b.seconds - a.seconds),
  jobs,
)
await playAll(
  chosen.filter(({ isQuiet }) => isQuiet),
  1,
)
const failed = rows.filter(isFailure).length + broken
process.stdout.write(failed > 0 ? `${failed} failed\n` : 'all passed\n')
process.exitCode = failed > 0 ? 1 : 0
