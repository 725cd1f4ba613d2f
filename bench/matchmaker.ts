// `npm run bench:matchmaker`: what a report costs the matchmaker, from its text to the orders, with pools of several sizes at about 90 % load.
import { Matchmaker } from '../lib/matching/matchmaker.js'
import { Reporter } from '../lib/matching/reporter.js'
import { type Order, parseReport, type Report } from '../lib/protocol/dispatch.js'
import { seededRandom } from '../dev/random.js'
import { median } from './statistics.js'

const SIZES = [10, 100, 1000]
const REPORTS = 100_000
const ROUNDS = 5
const REPORTS_A_SECOND = 20_000
const ARRIVING = 0.48

interface Waiting {
  ticket: string
  since: number
  priority: number
  functionName: string
}

class Executor {
  readonly reporter: Reporter<Waiting>
  readonly waiting: Waiting[] = []
  isBusy = false

  constructor(id: string, random: () => number) {
    this.reporter = new Reporter(id, random)
  }

  add(job: Waiting) {
    if (!this.isBusy) this.isBusy = true
    else this.waiting.push(job)
  }

  end() {
    this.isBusy = this.waiting.shift() !== undefined
  }

  report(now: number): Report | undefined {
    const { isBusy, waiting } = this
    return this.reporter.report({ slots: 1, free: isBusy ? 0 : 1, limits: [], waiting, meanMs: 50, rttMs: 0.2 }, now)
  }
}

interface Told {
  text: string
  now: number
}

/** What a pool reports while it obeys the orders. */
function record(size: number): Told[] {
  const random = seededRandom(size)
  const executors = new Map<string, Executor>()
  for (let i = 0; i < size; i++) {
    const id = `executor-of-the-pool-${i}`
    executors.set(id, new Executor(id, random))
  }
  const all = [...executors.values()]
  const matchmaker = new Matchmaker('executor-of-the-pool-0')
  const obey = (holder: Executor, { give }: Order) => {
    for (const [ticket, to] of give) {
      const at = holder.waiting.findIndex(job => job.ticket === ticket)
      const receiver = executors.get(to)!
      const [job] = holder.waiting.splice(at, 1) as [Waiting]
      receiver.add(job)
      receiver.reporter.took(job)
      holder.reporter.left(ticket)
    }
  }
  const told: Told[] = []
  for (let i = 0; told.length < REPORTS; i++) {
    const now = i / 20
    const executor = all[Math.floor(random() * size)]!
    if (random() < ARRIVING)
      executor.add({ ticket: `ticket-of-the-request-${i}`, since: now, priority: 0, functionName: '' })
    else executor.end()
    const report = executor.report(now)
    if (!report) continue
    told.push({ text: JSON.stringify(report), now })
    matchmaker.report(report, now)
    for (const [holder, order] of matchmaker.match(now)) obey(executors.get(holder)!, order)
  }
  return told
}

/** Microseconds of the processor for a report. */
function measure(told: Told[]): number {
  const matchmaker = new Matchmaker('executor-of-the-pool-0')
  const start = process.cpuUsage()
  for (const { text, now } of told) {
    matchmaker.report(parseReport(text)!, now)
    matchmaker.match(now)
  }
  const { user, system } = process.cpuUsage(start)
  return (user + system) / told.length
}

const pools = SIZES.map(size => ({ size, told: record(size), times: [] as number[] }))
for (let round = 0; round < ROUNDS; round++) for (const { told, times } of pools) times.push(measure(told))
for (const { size, times } of pools) {
  const us = median(times)
  const share = (us / 1e6) * REPORTS_A_SECOND
  console.log(
    `${size} executors: ${us.toFixed(1)} µs a report, ${share.toFixed(2)} cores at ${REPORTS_A_SECOND} a second`,
  )
}
