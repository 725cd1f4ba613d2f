// `npm run bench`: how many calls of a trivial function a second, and how long one takes, beside what bare nats.js does.
// Everything stays up for the whole run, and the rows are measured in turn, so that what else the machine does meets all.
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { adopt } from '../cmd/children.js'
import { root } from '../dev/root.js'
import { readOrEnd } from '../dev/usage.js'
import type { Kind, Load } from './load.js'
import { startServers, stopAll, stopAllOnSignals } from './processes.js'
import { warnUnlessQuiet } from './quiet.js'
import { type Row, printTable } from './throughput-table.js'

const USAGE = `usage: npm run bench -- [options]
  --rounds <n>        how often each row is measured (default: 5)
  --ms <n>            how long each time, in milliseconds (default: 1000)
  --against <commit>  measures another commit of this repository, too
  --only <text>       only rows whose names contain this, and what they are compared with
`
const ROOT = fileURLToPath(root)
const IN_FLIGHT = [1, 8, 64, 512]
const IN_FLIGHT_BYTES = [1, 16]
const BARE = 'bare nats.js'
const BARE_BYTES = 'bare nats.js, 100 kB'
const ECHO = fileURLToPath(new URL('echo.js', import.meta.url))
/** Before the first round, so that nothing is compiled any more. */
const WARM_UP_MS = 2000
/** A tick of `/proc`, in seconds. */
const TICK = 0.01

interface MeasuredRow extends Row {
  client: ChildProcess
  server: ChildProcess
}

const { rounds, ms, against, only } = readOrEnd(USAGE, readOptions)
stopAllOnSignals()
const [{ url } = { url: '' }] = await startServers(1)
let worktree: string | undefined
try {
  await warnUnlessQuiet()
  const rows: MeasuredRow[] = []
  const add = (name: string, client: ChildProcess, server: ChildProcess, inFlights: number[], base = BARE) => {
    for (const inFlight of inFlights) rows.push({ name, base, inFlight, client, server, loads: [] })
  }
  const bare = await startFork('bare-responder.js', [url, 'bare'])
  add(BARE, await startClient('bare', 'bare', ROOT), bare, IN_FLIGHT)
  add('bare nats.js, noAsyncTraces', await startClient('lean', 'bare', ROOT), bare, IN_FLIGHT)
  const checkouts = [['', ROOT]]
  if (against) checkouts.push([` of ${against}`, (worktree = checkOut(against))])
  for (const [of, root] of checkouts as [string, string][]) {
    const subject = `bench${of.replaceAll(/[^\w]/g, '-')}`
    const executor = startExecutor(root, subject)
    add(`call${of}`, await startClient('call', subject, root), executor, IN_FLIGHT)
    if (!of || hasMap(root)) add(`map${of}`, await startClient('map', subject, root), executor, [64])
  }
  const bareEcho = await startFork('bare-responder.js', [url, 'bare-echo', 'echo'])
  add(BARE_BYTES, await startClient('bare bytes', 'bare-echo', ROOT), bareEcho, IN_FLIGHT_BYTES, BARE_BYTES)
  for (const [of, root] of checkouts as [string, string][]) {
    if (!hasBytes(root)) continue
    const service = `echo${of.replaceAll(/[^\w]/g, '-')}`
    const executor = startExecutor(root, service, ECHO)
    const client = await startClient('call bytes', service, root)
    add(`call${of}, 100 kB`, client, executor, IN_FLIGHT_BYTES, BARE_BYTES)
  }
  const wanted = rows.filter(({ name }) => name.includes(only))
  const chosen = rows.filter(row => wanted.some(({ name, base }) => row.name === name || row.name === base))
  for (const row of chosen) await measure(row, WARM_UP_MS / IN_FLIGHT.length)
  for (const row of chosen) row.loads = []
  for (let round = 0; round < rounds; round++) for (const row of chosen) await measure(row, ms)
  printTable(chosen, rounds, ms)
} finally {
  await stopAll()
  if (worktree) {
    execFileSync('git', ['-C', ROOT, 'worktree', 'remove', '--force', worktree])
    rmSync(dirname(worktree), { recursive: true })
  }
}

function readOptions() {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { rounds: text, ms: text, against: text, only: text } })
  const [rounds, ms] = [Number(values.rounds ?? 5), Number(values.ms ?? 1000)]
  if (!(Number.isInteger(rounds) && rounds > 0 && ms >= 10)) throw new Error('--rounds and --ms take numbers')
  return { rounds, ms, against: values.against, only: values.only ?? '' }
}

/** Starts a program that lies beside this one, and says when it is ready. */
async function startFork(file: string, args: string[]): Promise<ChildProcess> {
  const child = adopt(fork(fileURLToPath(new URL(file, import.meta.url)), args))
  await once(child, 'message')
  return child
}

/** Its first call waits for it. `modules`: the path of one, or none for the function that ships. */
function startExecutor(root: string, service: string, ...modules: string[]) {
  const options = ['--servers', url, `--${serviceOption(root)}`, service, '--log=none']
  return adopt(spawn(join(root, 'cmd/executor'), [...modules, ...options], { stdio: ['ignore', 'ignore', 'inherit'] }))
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

async function measure(row: MeasuredRow, forMs: number) {
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

function hasBytes(root: string) {
  return existsSync(join(root, 'lib/protocol/payload.ts'))
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
