// Thousands of tasks, added, taken out, put back and ended at random moments while the processors are busy: each one ends once,
// and none is started twice. Of those in a process that is killed one fails. SEED repeats a run.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { seededRandom } from '../dev/random.js'
import { newJob } from '../lib/executor/job.js'
import { parseRequest } from '../lib/protocol/request.js'
import { Pool } from '../lib/slots/pool.js'
import type { PoolOptions, PoolOwner } from '../lib/slots/pool-owner.js'
import type { Task } from '../lib/slots/task.js'
import { fixture } from './fixtures/library.js'

const TASKS = 1500
const DURATIONS = [0, 0, 0, 0.1, 0.1, 1, 1, 3, 20]
const LATE_MS = 60_000

const seed = Number(process.env.SEED ?? Date.now() % 1e9)

/** Keeps the processors busy until the test ends. */
async function busyProcessors(t: Test, count: number) {
  for (let i = 0; i < count; i++) {
    const worker = new Worker('for (;;);', { eval: true, execArgv: [] })
    t.teardown(() => worker.terminate())
    await once(worker, 'online')
  }
}

/** What became of each task, by its number. */
class Run {
  readonly trace: string[] = []
  readonly endings: number[][] = Array.from({ length: TASKS }, () => [])
  readonly tasks: Task[] = []
  /** Released and not put back yet. */
  readonly out: number[] = []
  kills = 0
  reloads = 0
  readonly pool
  readonly #numbers = new Map<Task, number>()
  readonly #turn = new EventTarget()
  #left = TASKS

  constructor(options: Partial<PoolOptions>) {
    const ended = (task: Task, code: number) => {
      const number = this.#numbers.get(task)!
      this.note(`${number} ended with ${code}`)
      if (this.endings[number]!.push(code) === 1) this.#left--
      this.#turn.dispatchEvent(new Event('turn'))
    }
    const owner: PoolOwner<Task> = {
      ended: ({ task, code }) => ended(task, code),
      interrupted: task => ended(task, 503),
      started: task => this.note(`${this.#numbers.get(task)} started`),
      ready: () => void this.#turn.dispatchEvent(new Event('turn')),
      changed: () => {},
      argumentFailed: () => {},
      progressed: () => {},
      imported: () => {},
      output: () => {},
      warning: text => this.note(text),
      failed: error => this.note(error.message),
      isWorking: () => {},
      hopeless: () => {},
    }
    this.pool = new Pool(
      {
        module: fixture('journal.mjs').href,
        title: 'random test',
        concurrency: 2,
        processes: 2,
        memoryLimit: 200,
        maxRequests: Infinity,
        execArgv: [],
        timeLimit: 60_000,
        backlog: 1e6,
        backlogBytes: 1e9,
        ...options,
      },
      owner,
    )
  }

  note(what: string) {
    this.trace.push(`${performance.now().toFixed(2)} ${what}`)
  }

  async ready() {
    while (!this.pool.slots.every(({ state }: { state: string }) => state === 'open')) await once(this.#turn, 'turn')
  }

  add(argument: unknown) {
    const number = this.tasks.length
    const body = Buffer.from(JSON.stringify(argument))
    const task = newJob(parseRequest(undefined, body, ['inbox'], 0) as never) as Task
    this.#numbers.set(task, number)
    this.tasks.push(task)
    this.note(`${number} added: ${JSON.stringify(argument).replace(/".*",/, '')}`)
    if (!this.pool.add(task)) throw new Error('the backlog is full')
  }

  take(number: number) {
    if (this.endings[number]!.length > 0 || this.out.includes(number)) return
    if (!this.pool.release(this.tasks[number]!)) return
    this.note(`${number} taken`)
    this.out.push(number)
  }

  putBack() {
    const number = this.out.shift()
    if (number === undefined) return
    this.note(`${number} put back`)
    this.pool.insert(this.tasks[number]!)
  }

  end(number: number) {
    if (this.endings[number]!.length > 0 || this.out.includes(number)) return
    this.note(`${number} to end`)
    this.pool.end(this.tasks[number]!, 499, 'cancelled')
  }

  /** Kills a process that computes something. */
  kill(random: number) {
    const running = this.pool.running as Task[]
    const pid = running[Math.floor(random * running.length)]?.slot?.pid
    if (pid === undefined) return
    this.note(`kill ${pid}`)
    process.kill(pid, 'SIGKILL')
    this.kills++
  }

  async reload() {
    this.note('reload')
    const reloaded = this.pool.reload()
    // Each second time what follows happens meanwhile.
    if (this.reloads++ % 2 === 0) await reloaded
    // It may be closed before.
    else reloaded.catch(() => {})
  }

  async over() {
    const late = AbortSignal.timeout(LATE_MS)
    while (this.#left > 0 && !late.aborted) await once(this.#turn, 'turn', { signal: late }).catch(() => {})
  }

  /** What was told of a task. */
  about(number: number) {
    return this.trace.filter(line => line.split(' ')[1] === String(number))
  }
}

t.test('what has ended and was not read is not ended once more', async t => {
  const journal = `${t.testdir({ journal: '' })}/journal`
  const run = new Run({ concurrency: 1, processes: 1 })
  t.teardown(() => run.pool.close())
  await run.ready()
  const add = () => run.add([journal, run.tasks.length, 0, 'sync'])
  // Until several are sent ahead.
  for (let i = 0; i < 20; i++) {
    add()
    while (run.endings[i]!.length === 0) await new Promise(setImmediate)
  }
  for (let i = 20; i < 24; i++) add()
  await Promise.resolve()
  const until = performance.now() + 200
  while (performance.now() < until);
  run.end(22)
  while (run.endings[23]!.length === 0) await new Promise(setImmediate)
  const ends = run.endings.slice(20, 24)
  // A process that has had little time has not got it, or not computed it, by then.
  if (ends[2]![0] === 499) ends[2]![0] = 0
  t.strictSame(ends, [[0], [0], [0], [0]])
})

interface Kind extends Partial<PoolOptions> {
  kills?: boolean
  reloads?: boolean
}

const KINDS: Record<string, Kind> = {
  'two slots': {},
  'one slot': { concurrency: 1, processes: 1 },
  'a wide slot': { concurrency: 4, processes: 1 },
  'slots that are replaced': { maxRequests: 50 },
  'slots that are killed': { kills: true },
  'slots that are loaded anew': { reloads: true },
}

for (const [index, [name, { kills = false, reloads = false, ...options }]] of Object.entries(KINDS).entries())
  t.test(name, async t => {
    const random = seededRandom(seed + index)
    t.comment(`seed ${seed}`)
    const journal = `${t.testdir({ journal: '' })}/journal`
    await busyProcessors(t, 2)
    const run = new Run(options)
    t.teardown(() => run.pool.close())
    await run.ready()
    const pick = (length: number) => Math.floor(random() * length)
    const pickLate = () => run.tasks.length - 1 - pick(Math.min(40, run.tasks.length))
    while (run.tasks.length < TASKS || run.out.length > 0) {
      const what = random()
      if (what < 0.5 && run.tasks.length < TASKS) {
        const burst = random() < 0.03 ? 30 : 1
        for (let i = 0; i < burst && run.tasks.length < TASKS; i++) {
          const how = random() < 0.5 ? 'sync' : 'async'
          run.add([journal, run.tasks.length, DURATIONS[pick(DURATIONS.length)], how])
        }
      } else if (what < 0.65 && run.tasks.length > 0 && run.tasks.length < TASKS) run.take(pickLate())
      else if (what < 0.8) run.putBack()
      else if (what < 0.85 && run.tasks.length > 0) run.end(pickLate())
      else if (kills && what < 0.86) run.kill(random())
      else if (reloads && what < 0.86) await run.reload()
      else if (what < 0.97) await new Promise(setImmediate)
      else await sleep(random() * 15)
    }
    await run.over()
    const starts = new Map<number, number>()
    for (const line of (await readFile(journal, 'utf8')).split('\n').slice(0, -1))
      starts.set(Number(line), (starts.get(Number(line)) ?? 0) + 1)
    const wrong = run.tasks.flatMap((_, number) => {
      const codes = run.endings[number]!
      const started = starts.get(number) ?? 0
      const isRight = codes.length === 1 && started <= 1 && (codes[0] === 0 ? started === 1 : codes[0]! >= 499)
      return isRight ? [] : [{ number, codes, started, about: run.about(number) }]
    })
    t.strictSame(wrong, [], `seed ${seed}: each ended once, and was started once at most`)
    const failed = run.endings.filter(([code]) => code === 500)
    t.ok(failed.length <= run.kills, `${failed.length} failed, ${run.kills} processes were killed`)
    t.equal(run.pool.size, 0)
  })
