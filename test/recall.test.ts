// What was sent ahead to a slot and is taken back is computed once, and nothing is forgotten, whatever the order in which the
// executor and the process get their turns. Both sides are the real ones (Sent, Queue); pipes, clock and turns are made up.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { type Frame, Kind, LONG_MS } from '../lib/slots/frames.js'
import { Queue } from '../lib/slots/process/queue.js'
import { Sent } from '../lib/slots/sent.js'
import type { Task } from '../lib/slots/task.js'

const RUNS = 400
const TASKS = 60
/** The most requests that are in the slot at once. */
const WINDOW = 8

type Told = { kind: 'result'; number: number } | { kind: 'recalled'; number: number; before: number }

function simulate(seed: number) {
  const random = seededRandom(seed)
  let now = 0
  let events = 0
  const toProcess: Frame[] = []
  const toExecutor: Told[] = []
  const starts = new Map<string, number>()

  // The executor's side.
  const sent = new Sent<Task>(() => now)
  const backlog: Task[] = Array.from({ length: TASKS }, (_, i) => newTask(i))
  const done: string[] = []
  const hear = () => {
    for (const told of toExecutor.splice(0))
      if (told.kind === 'recalled') {
        if (sent.recalled(told.before)) backlog.unshift(...sent.takeBack(told.number, told.before))
      } else {
        const { first } = sent
        if (first?.number !== told.number) throw new Error(`a result of ${told.number}, which does not run`)
        sent.remove(first)
        done.push(first.id)
      }
    return true
  }
  const send = () => {
    if (backlog.length === 0 || sent.isUncertain || sent.length >= WINDOW) return
    const task = backlog.shift()!
    task.number = sent.nextNumber
    toProcess.push(frame(Kind.request, task.number, 0, now, task.id))
    pass()
    sent.push(task)
  }
  const recall = () => {
    const elsewhere = () => {
      while (random() < 0.5) process.next()
    }
    const post = (from: number, before: number) => {
      elsewhere()
      toProcess.push(frame(Kind.recall, from, before))
      pass()
    }
    // What was written may not have left, or cannot be read: then the process has to say.
    const flush = () => {
      elsewhere()
      return random() < 0.9
    }
    const back = sent.recall(post, flush, hear)
    backlog.unshift(...back)
  }
  const executorTurns = [send, send, send, hear, recall]

  // The process' side, which may stand still between any two of its steps.
  const queue = new Queue()
  const read = () => {
    for (const word of toProcess.splice(0))
      if (word.kind === Kind.request) queue.push(word)
      else toExecutor.push({ kind: 'recalled', number: queue.recall(word), before: word.extra })
  }
  function* computes(): Generator<void, never, void> {
    for (;;) {
      yield
      read()
      for (let next; (next = queue.next(read));) {
        const begunAt = queue.begunAt(next)
        starts.set(next.id, (starts.get(next.id) ?? 0) + 1)
        now += [0, 0.01, 0.5, 1.9, 2.1, 30][Math.floor(random() * 6)]!
        yield
        const endedAt = now
        yield
        toExecutor.push({ kind: 'result', number: next.number })
        yield
        queue.sent(begunAt, endedAt, now)
        yield
      }
    }
  }
  const process = computes()

  /** Time passes, more of it when somebody stands still. */
  function pass() {
    now += random() < 0.1 ? LONG_MS * 3 * random() : 0.05 * random()
  }

  while (done.length < TASKS) {
    if (++events > 100_000) throw new Error(`forgotten: ${TASKS - done.length}`)
    if (random() < 0.5) process.next()
    else executorTurns[Math.floor(random() * executorTurns.length)]!()
    pass()
  }
  const twice = [...starts].filter(([, count]) => count > 1)
  if (twice.length > 0) throw new Error(`started twice: ${twice.join()}`)
  return events
}

const newTask = (i: number) =>
  ({ id: String(i), functionName: '', attempt: 1, number: 0, startedAt: 0, slot: undefined }) as unknown as Task

const frame = (kind: number, number: number, extra = 0, time = 0, id = ''): Frame => ({
  kind,
  number,
  extra,
  time,
  until: 0,
  id,
  body: Buffer.alloc(0),
})

t.test('in some hundred thousand random turns', async t => {
  let events = 0
  for (let seed = 1; seed <= RUNS; seed++)
    try {
      events += simulate(seed)
    } catch (error) {
      t.fail(`seed ${seed}: ${(error as Error).message}`)
      return
    }
  t.ok(events > 100_000, `${events} turns`)
})
