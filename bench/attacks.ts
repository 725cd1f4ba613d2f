// `npm run bench:attacks`: what others notice of an attack on a secured server. Two executors of four slots each, somebody who only works,
// and rounds without and with each attack in turn.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { root } from '../dev/root.js'
import { readOrEnd } from '../dev/usage.js'
import { type NatsConnection, connect } from 'nats'
import { adopt } from '../cmd/children.js'
import { type NatsServer, startNatsServer } from '../cmd/nats-server.js'
import { ATTACKS, type Attack, LONGEST_WAIT_S, type Target } from './attack-list.js'
import type { Work } from './innocent.js'
import { startExecutor, stopAll, stopAllOnSignals } from './processes.js'
import { privateMiB } from './private-memory.js'
import { warnUnlessQuiet } from './quiet.js'
import { whenReady } from './run.js'
import { median, quantile } from './statistics.js'

const USAGE = `usage: npm run bench:attacks -- [options]
  --rounds <n>    of each attack, and as many without (default: 3)
  --only <words>  only attacks whose names contain one of these, separated by commas
`
const SERVICE = 'attacked'
const MODULE = fileURLToPath(new URL('attacked.js', import.meta.url))
const MEMBER = { concurrency: 4, slowness: 1 }
const EXECUTORS = 2
const LOOK_MS = 200
/** How long others are watched before an attack and after it. */
const BEFORE_MS = 1000
const AFTER_MS = 4000
/** Nobody is to wait longer than this beside an attack. */
const LIMIT_MS = 100
/** What may be kept: a backlog of requests, answers, and copies, 64 MiB each; and what a collector leaves for a while. */
const LIMIT_MIB = 3 * 64 + 150
/** Programs that have just started are slow. */
const WARM_UP_MS = 5000

interface Round extends Work {
  seconds: number
  mostMiB: number
}

const { rounds, attacks } = readOrEnd(USAGE, readOptions)
stopAllOnSignals()
const folder = mkdtempSync(join(tmpdir(), 'nats-executor-attacks-'))
try {
  const server = await startServer()
  const connections = await Promise.all([as(server, 'admin'), as(server, 'attacker'), as(server, 'stranger')])
  const [admin, client, stranger] = connections
  const executors = Array.from({ length: EXECUTORS }, () =>
    startExecutor({
      url: urlOf(server, 'executor'),
      service: SERVICE,
      balance: true,
      member: MEMBER,
      module: MODULE,
      flags: [`--longest-wait=${LONGEST_WAIT_S}`, `--inbox-prefix=_INBOX.executor.${SERVICE}`],
    }),
  )
  for (const executor of executors)
    executor.on('exit', (code, signal) => process.stdout.write(`an executor has ended: ${code ?? signal}\n`))
  const pids = executors.map(({ pid }) => pid!)
  const ids = await whenReady(admin, SERVICE, new Map(pids.map(pid => [String(pid), MEMBER])))
  const target = { service: SERVICE, executorIds: [...ids.keys()], client, stranger, inbox: '_INBOX.attacker' }
  const innocent = adopt(
    fork(fileURLToPath(new URL('innocent.js', import.meta.url)), [urlOf(server, 'client'), SERVICE, '_INBOX.client']),
  )
  await once(innocent, 'message')
  await watch(innocent, pids, () => sleep(WARM_UP_MS))
  const idleMiB = Math.max(...pids.map(privateMiB))
  process.stdout.write(`${EXECUTORS} executors, idle: ${idleMiB.toFixed(0)} MiB of their own at most\n\n`)
  printRow(['attack', 'seconds', 'answered', 'lost', 'p50 ms', 'p99 ms', 'longest ms', 'beside none', 'MiB'])
  for (const attack of attacks) await measure(attack, { innocent, pids, target, idleMiB })
  await Promise.all(connections.map(nc => nc.close()))
} finally {
  await stopAll()
  rmSync(folder, { recursive: true })
}

interface Scene {
  innocent: ChildProcess
  pids: number[]
  target: Target
  idleMiB: number
}

async function measure({ name, takesSlots, run }: Attack, { innocent, pids, target, idleMiB }: Scene) {
  const quiet: Round[] = []
  const attacked: Round[] = []
  for (let i = 0; i < rounds; i++) {
    await warnUnlessQuiet()
    const last = await watch(innocent, pids, async () => {
      await sleep(BEFORE_MS)
      await run(target)
      await sleep(AFTER_MS)
    })
    attacked.push(last)
    quiet.push(await watch(innocent, pids, () => sleep(last.seconds * 1000)))
  }
  const longest = (list: Round[]) => median(list.map(({ waits }) => Math.max(...waits)))
  const more = longest(attacked) - longest(quiet)
  const mostMiB = Math.max(...attacked.map(round => round.mostMiB)) - idleMiB
  const verdict = takesSlots ? '' : ` ${more > LIMIT_MS ? '> !' : '≤'} ${LIMIT_MS}`
  const verdicts = [
    `${more > 0 ? '+' : ''}${more.toFixed(0)}${verdict}`,
    `+${mostMiB.toFixed(0)} ${mostMiB > LIMIT_MIB ? '> !' : '≤'} ${LIMIT_MIB}`,
  ]
  printRow([name, ...cells(attacked), ...verdicts])
  printRow(['  none, beside it', ...cells(quiet), '', ''])
  for (const failure of new Set([...attacked, ...quiet].flatMap(({ failures }) => failures)))
    process.stdout.write(`  ${failure}\n`)
}

function cells(list: Round[]): string[] {
  const of = (share: number) => median(list.map(({ waits }) => quantile(waits, share))).toFixed(0)
  const longest = list.map(({ waits }) => Math.max(...waits).toFixed(0))
  const sum = (value: (round: Round) => number) => String(list.reduce((all, round) => all + value(round), 0))
  return [
    median(list.map(({ seconds }) => seconds)).toFixed(1),
    sum(({ waits }) => waits.length),
    sum(({ failures }) => failures.length),
    of(0.5),
    of(0.99),
    longest.join(' '),
  ]
}

/** What the one who works notices while something is done, and how large an executor becomes. */
async function watch(innocent: ChildProcess, pids: number[], act: () => Promise<unknown>): Promise<Round> {
  const from = performance.now()
  let mostMiB = 0
  const looks = setInterval(() => (mostMiB = Math.max(mostMiB, ...pids.map(privateMiB))), LOOK_MS)
  innocent.send('start')
  await act().finally(() => clearInterval(looks))
  innocent.send('stop')
  const [work] = (await once(innocent, 'message')) as [Work]
  return { ...work, seconds: (performance.now() - from) / 1000, mostMiB }
}

function startServer() {
  const rights = (role: string, service = SERVICE) =>
    readFileSync(new URL(`config/${role}.conf`, root), 'utf8').replaceAll('fibonacci', service)
  const users = {
    executor: rights('executor'),
    client: rights('client'),
    attacker: rights('client').replaceAll('_INBOX.client', '_INBOX.attacker'),
    stranger: rights('executor', 'other'),
  }
  const file = join(folder, 'nats.conf')
  const list = Object.entries(users).map(
    ([user, permissions]) => `{ user: ${user}, password: pw, permissions: { ${permissions} } }`,
  )
  list.push('{ user: admin, password: pw }')
  writeFileSync(file, `authorization { users: [\n${list.join('\n')}\n] }\n`)
  return startNatsServer({ detached: true, args: ['-c', file] })
}

function urlOf({ port }: NatsServer, user: string) {
  return `nats://${user}:pw@127.0.0.1:${port}`
}

function as({ url }: NatsServer, user: 'admin' | 'attacker' | 'stranger'): Promise<NatsConnection> {
  const inboxPrefix = { admin: '_INBOX', attacker: '_INBOX.attacker', stranger: '_INBOX.executor.other' }[user]
  return connect({ servers: url, user, pass: 'pw', inboxPrefix, noAsyncTraces: true })
}

function printRow([name = '', ...others]: string[]) {
  const widths = [7, 9, 5, 7, 7, 20, 14, 14]
  process.stdout.write(`${name.padEnd(46)}${others.map((cell, i) => cell.padStart(widths[i]!)).join(' ')}\n`)
}

function readOptions() {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { rounds: text, only: text } })
  const rounds = Number(values.rounds ?? 3)
  const words = values.only?.split(',') ?? ['']
  const attacks = ATTACKS.filter(({ name }) => words.some(word => name.includes(word)))
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds takes a number')
  if (attacks.length === 0) throw new RangeError(`no attack has "${values.only}" in its name`)
  return { rounds, attacks }
}
