// `npm run bench`: how many calls of a trivial function a second, and how long one takes, beside what bare nats.js does.
// Everything stays up for the whole run, and the rows are measured in turn, so that what else the machine does meets all.
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { adopt } from '../cmd/children.js'
import type { Kind, Load } from './load.js'
import { startServers, stopAll, stopAllOnSignals } from './processes.js'
import { warnUnlessQuiet } from './quiet.js'
import { median } from './statistics.js'

const USAGE = `usage: npm run bench -- [options]
  --rounds <n>        how often each row is measured (default: 5)
  --ms <n>            how long each time, in milliseconds (default: 1000)
  --against <commit>  measures another commit of this repository, too
`
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const IN_FLIGHT = [1, 8, 64, 512]
/** Before the first round, so that nothing is compiled any more. */
const WARM_UP_MS = 2000
/** A tick of `/proc`, in seconds. */
const TICK = 0.01

interface Row {
  name: string
  inFlight: number
  client: ChildProcess
  server: ChildProcess
  loads: (Load & { serverCpuSeconds: number })[]
}

const { rounds, ms, against } = readOptions()
stopAllOnSignals()
const [{ url } = { url: '' }] = await startServers(1)
let worktree: string | undefined
try {
  await warnUnlessQuiet()
  const rows: Row[] = []
  const add = (name: string, client: ChildProcess, server: ChildProcess, inFlights: number[]) => {
    for (const inFlight of inFlights) rows.push({ name, inFlight, client, server, loads: [] })
  }
  const bare = await startFork('bare-responder.js', [url, 'bare'])
  add('bare nats.js', await startClient('bare', 'bare', ROOT), bare, IN_FLIGHT)
  add('bare nats.js, noAsyncTraces', await startClient('lean', 'bare', ROOT), bare, IN_FLIGHT)
  const checkouts = [['', ROOT]]
  if (against) checkouts.push([` of ${against}`, (worktree = checkOut(against))])
  for (const [of, root] of checkouts as [string, string][]) {
    const subject = `bench${of.replaceAll(/[^\w]/g, '-')}`
    const executor = startExecutor(root, subject)
    add(`call${of}`, await startClient('call', subject, root), executor, IN_FLIGHT)
    if (!of || hasMap(root)) add(`map${of}`, await startClient('map', subject, root), executor, [64])
  }
  for (const row of rows) await measure(row, WARM_UP_MS / IN_FLIGHT.length)
  for (const row of rows) row.loads = []
  for (let round = 0; round < rounds; round++) for (const row of rows) await measure(row, ms)
  print(rows)
} finally {
  await stopAll()
  if (worktree) {
    execFileSync('git', ['-C', ROOT, 'worktree', 'remove', '--force', worktree])
    rmSync(dirname(worktree), { recursive: true })
  }
}

function readOptions() {
  try {
    const text = { type: 'string' } as const
    const { values } = parseArgs({ options: { rounds: text, ms: text, against: text } })
    const [rounds, ms] = [Number(values.rounds ?? 5), Number(values.ms ?? 1000)]
    if (!(Number.isInteger(rounds) && rounds > 0 && ms >= 10)) throw new Error('--rounds and --ms take numbers')
    return { rounds, ms, against: values.against }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

/** Starts a program that lies beside this one, and says when it is ready. */
async function startFork(file: string, args: string[]): Promise<ChildProcess> {
  const child = adopt(fork(fileURLToPath(new URL(file, import.meta.url)), args))
  await once(child, 'message')
  return child
}

/** Its first call waits for it. */
function startExecutor(root: string, service: string) {
  const args = [join(root, 'cmd/executor'), '--servers', url, `--${serviceOption(root)}`, service, '--log=none']
  return adopt(spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] }))
}

function startClient(kind: Kind, service: string, root: string) {
  return startFork('load.js', [
    kind,
    url,
    service,
    serviceOption(root),
    new URL('dist/lib/index.js', `file://${root}/`).href,
  ])
}

async function measure(row: Row, forMs: number) {
  const before = cpuSeconds(row.server)
  row.client.send({ inFlight: row.inFlight, ms: forMs })
  const [load] = (await once(row.client, 'message')) as [Load]
  row.loads.push({ ...load, serverCpuSeconds: cpuSeconds(row.server) - before })
}

/** The processor time that a process has used; NaN where there is no `/proc`. */
function cpuSeconds({ pid }: ChildProcess): number {
  try {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13)
    return (Number(user) + Number(system)) * TICK
  } catch {
    return NaN
  }
}

/** A built checkout of another commit, in a folder of its own. */
function checkOut(commit: string): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'nats-executor-bench-')), 'checkout')
  execFileSync('git', ['-C', ROOT, 'worktree', 'add', '--detach', folder, commit], { stdio: 'ignore' })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  execFileSync('npx', ['tsc', '-p', folder], { cwd: ROOT, stdio: 'inherit' })
  return folder
}

function hasMap(root: string) {
  return says(root, ['lib/client/client.ts', 'lib/client.ts'], '  map<')
}

/** What earlier commits call it. */
function serviceOption(root: string) {
  return says(root, ['lib/connection-choice.ts'], 'service?:') ? 'service' : 'subject'
}

/** Whether one of the files of a checkout contains a text. */
function says(root: string, files: string[], text: string) {
  const paths = files.map(file => join(root, file)).filter(file => existsSync(file))
  return paths.some(path => readFileSync(path, 'utf8').includes(text))
}

function print(rows: Row[]) {
  const { model } = cpus()[0]!
  process.stdout.write(
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}, Node ${process.version}\n`,
  )
  process.stdout.write(
    `medians of ${rounds} rounds of ${ms} ms, and their range; ÷ bare: median of the rounds' ratios\n\n`,
  )
  const titles = [
    '',
    'in flight',
    'calls/s',
    'range',
    '÷ bare',
    'p50 ms',
    '÷ bare',
    'p99 ms',
    '÷ bare',
    'µs client',
    'µs executor',
  ]
  const lines = rows.map(row => {
    const base = rows.find(({ inFlight }) => inFlight === row.inFlight)!
    const rates = row.loads.map(({ calls, seconds }) => calls / seconds)
    const ratio = (of: (load: Row['loads'][number]) => number) =>
      median(row.loads.map((load, i) => of(load) / of(base.loads[i]!))).toFixed(2)
    const latency = (of: 'p50' | 'p99') =>
      row.name.startsWith('map')
        ? ['', '']
        : [median(row.loads.map(load => load[of])).toFixed(3), ratio(load => load[of])]
    return [
      row.name,
      String(row.inFlight),
      median(rates).toFixed(0),
      `${Math.min(...rates).toFixed(0)}–${Math.max(...rates).toFixed(0)}`,
      ratio(({ calls, seconds }) => calls / seconds),
      ...latency('p50'),
      ...latency('p99'),
      median(row.loads.map(({ cpuSeconds: cpu, calls }) => (cpu / calls) * 1e6)).toFixed(1),
      median(row.loads.map(({ serverCpuSeconds: cpu, calls }) => (cpu / calls) * 1e6)).toFixed(1),
    ]
  })
  const widths = titles.map((title, i) => Math.max(title.length, ...lines.map(line => line[i]!.length)))
  for (const line of [titles, ...lines])
    process.stdout.write(
      `${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}\n`,
    )
}
