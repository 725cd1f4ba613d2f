// How near our dispatch comes to one central queue, and how far from it a bare NATS queue group is.
import { appendFileSync, writeFileSync } from 'node:fs'
import { connect } from 'nats'
import type { Case } from './cases.js'
import { readOptions } from './options.js'
import { picture } from './picture.js'
import { warnUnlessQuiet } from './quiet.js'
import { startServers, stopAll, stopAllOnSignals } from './processes.js'
import { type Run, type Site, run } from './run.js'
import { row } from './table.js'

/** The list whose distribution is drawn. */
const PICTURED = 'heavy-tail-80'

const options = readOptions()
stopAllOnSignals()
/** By how many there are. */
const sites = new Map<number, Site>()
try {
  const pictured =
    options.cases.find(({ name }) => name === PICTURED) ?? options.cases.find(({ isBursts }) => !isBursts)
  for (const chosen of options.cases) {
    const { ours, bare } = await measure(chosen)
    if (ours.length > 0) process.stdout.write(`${row(chosen, 'balanced', ours)}\n`)
    if (bare.length > 0) process.stdout.write(`${row(chosen, 'bare NATS', bare)}\n`)
    if (options.picture && chosen === pictured && ours[0] && bare[0])
      writeFileSync(options.picture, draw(chosen, ours[0].lists[0]!, bare[0].lists[0]!))
  }
} finally {
  for (const { nc } of sites.values()) await nc.close()
  await stopAll()
}

async function siteOf({ servers: count = 1 }: Case): Promise<Site> {
  const known = sites.get(count)
  if (known) return known
  const servers = await startServers(count)
  const nc = await connect({ servers: servers[0]!.url, noAsyncTraces: true, ignoreClusterUpdates: true })
  const site = { nc, urls: servers.map(({ url }) => url), pids: servers.map(({ child }) => child.pid!) }
  sites.set(count, site)
  return site
}

/** Both dispatches in turn, so that what else the machine does meets both. */
async function measure(chosen: Case) {
  const members = (!options.hasPool && chosen.members) || options.members
  const lists = chosen.lists({ ...options, members })
  const site = await siteOf(chosen)
  const ours: Run[] = []
  const bare: Run[] = []
  for (let round = 0; round < Math.max(options.rounds, options.bareRounds); round++)
    for (const [runs, rounds, balance] of [
      [ours, options.rounds, true],
      [bare, options.bareRounds, false],
    ] as const) {
      if (round >= rounds || (chosen.isOursOnly && !balance)) continue
      await warnUnlessQuiet()
      const result = await run({ site, balance, members, lists })
      runs.push(result)
      record(chosen, balance, round, result)
    }
  return { ours, bare }
}

function record({ name }: Case, balance: boolean, round: number, { lists }: Run) {
  if (!options.samples) return
  for (const [list, { samples, ideal }] of lists.entries())
    for (const [i, sample] of samples.entries())
      appendFileSync(options.samples, `${JSON.stringify({ name, balance, round, list, ...sample, ideal: ideal[i] })}\n`)
}

function draw({ title }: Case, ours: Run['lists'][number], bare: Run['lists'][number]): string {
  const { length } = ours.real
  return picture(
    'Response times beside those of one central queue',
    `${title}: ${length} requests on ${options.members.length} executors`,
    [
      {
        label: 'ideal: one central queue',
        color: '#66727f',
        width: 6,
        times: ours.ideal,
        labelAt: 0.003,
        labelSide: 'left',
      },
      { label: 'nats-executor', color: '#0b5cad', width: 2.2, times: ours.real, labelAt: 0.014, labelSide: 'left' },
      {
        label: 'bare NATS queue group',
        color: '#c2410c',
        width: 2.2,
        times: bare.real,
        labelAt: 0.25,
        labelSide: 'right',
      },
    ],
  )
}
