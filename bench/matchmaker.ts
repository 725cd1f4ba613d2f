// `npm run bench:matchmaker`: what a report costs the matchmaker, from its text to the orders, with pools of several sizes at about 90 % load.
import { Matchmaker } from '../lib/matching/matchmaker.js'
import { Reporter } from '../lib/matching/reporter.js'
import { type Order, parseReport, type Report } from '../lib/protocol/dispatch.js'
import { seededRandom } from '../dev/random.js'
import { median } from './statistics.js'

const SIZES = [10, 100, 1000]
const REPORTS = 100_000
const ROUNDS = 5
const ARRIVING = 0.48

interface Waiting {
  ticket: string
  since: number
  priority: number
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
    return this.reporter.report({ slots: 1, free: isBusy ? 0 : 1, waiting, meanMs: 50, rttMs: 0.2 }, now)
  }
}

/** Microseconds for a report. */
function measure(size: number): number {
  const random = seededRandom(size)
  const executors = new Map<string, Executor>()
  for (let i = 0; i < size; i++)
    executors.set(`executor-of-the-pool-${i}`, new Executor(`executor-of-the-pool-${i}`, random))
  const all = [...executors.values()]
  const matchmaker = new Matchmaker('executor-of-the-pool-0')
  let [spent, now] = [0, 0]
  const tell = (report: Report) => {
    const text = JSON.stringify(report)
    const start = performance.now()
    matchmaker.report(parseReport(text)!, now)
    const orders = matchmaker.match(now)
    spent += performance.now() - start
    for (const [holder, order] of orders) obey(executors.get(holder)!, order)
  }
  const obey = (holder: Executor, { give }: Order) => {
    for (const [ticket, to] of give) {
      const at = holder.waiting.findIndex(job => job.ticket === ticket)
      const receiver = executors.get(to)!
      receiver.add(holder.waiting.splice(at, 1)[0]!)
      receiver.reporter.took(ticket)
      holder.reporter.left(ticket)
    }
  }
  for (let reports = 0, i = 0; reports < REPORTS; i++) {
    now += 1 / 20
    const executor = all[Math.floor(random() * size)]!
    if (random() < ARRIVING) executor.add({ ticket: `ticket-of-the-request-${i}`, since: now, priority: 0 })
    else executor.end()
    const report = executor.report(now)
    if (!report) continue
    tell(report)
    reports++
  }
  return (1000 * spent) / REPORTS
}

const times = new Map<number, number[]>(SIZES.map(size => [size, []]))
for (let round = 0; round < ROUNDS; round++) for (const size of SIZES) times.get(size)!.push(measure(size))
for (const [size, all] of times) {
  const us = median(all)
  console.log(
    `${size} executors: ${us.toFixed(1)} µs a report, ${((us / 1e6) * 20_000 * 100).toFixed(0)} % of a core at 20,000 a second`,
  )
}
