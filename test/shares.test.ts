// A backlog that is full makes room as a plain list would have it: random requests of some clients, large and small, come and leave.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { Backlog } from '../lib/slots/backlog.js'
import { type Task, compareTasks } from '../lib/slots/task.js'

const RUNS = 200
const STEPS = 300
const MOST_EVICTED = 16
const LIMITS = { backlog: 30, backlogBytes: 30_000 }

const newTask = (client: string, since: number, { bytes = 0, priority = 0, deadline = Infinity } = {}) =>
  ({ client, since, priority, deadline, functionName: '', body: new Uint8Array(bytes) }) as unknown as Task

const sizeOf = (tasks: readonly Task[]) => tasks.reduce((sum, { body }) => sum + body.byteLength, 0)

/** By a plain list: who makes room, or nobody. Several are right where clients hold as much as each other. */
function candidates(tasks: readonly Task[], task: Task): Task[][] {
  const of = (client: string) => tasks.filter(each => each.client === client).toSorted(compareTasks)
  const missing = Math.min(task.body.byteLength, sizeOf(tasks) + task.body.byteLength - LIMITS.backlogBytes)
  const measure = missing > 0 ? sizeOf : (list: readonly Task[]) => list.length
  const modest = 0.01 * (missing > 0 ? LIMITS.backlogBytes : LIMITS.backlog)
  const clients = [...new Set(tasks.map(({ client }) => client))]
  const most = Math.max(...clients.map(client => measure(of(client))))
  const first = clients.map(of).filter(held => measure(held) === most)
  return first.map(held => {
    let count = 1
    while (count < held.length && sizeOf(held.slice(-count)) < missing) count++
    const isEnough = sizeOf(held.slice(-count)) >= missing && count <= MOST_EVICTED
    const left = measure(held.slice(0, -count))
    return isEnough && left >= Math.max(measure([...of(task.client), task]), modest) ? held.slice(-count) : []
  })
}

function run(seed: number) {
  const random = seededRandom(seed)
  const pick = (length: number) => Math.floor(random() * length)
  const backlog = new Backlog<Task>()
  let tasks: Task[] = []
  let evictions = 0
  const take = (gone: readonly Task[]) => (tasks = tasks.filter(task => !gone.includes(task)))
  for (let now = 0; now < STEPS; now++) {
    const what = random()
    if (what < 0.7) {
      // One of them sends as many as all others.
      const client = random() < 0.5 ? 'flood' : `client ${pick(4)}`
      // Some wait elsewhere before.
      const since = random() < 0.1 ? pick(now) : now
      const bytes = [0, 10, 1000, 3000][pick(4)]!
      const task = newTask(client, since, { bytes, priority: pick(3) - 1, deadline: now + pick(400) })
      if (tasks.length < LIMITS.backlog && sizeOf(tasks) + bytes <= LIMITS.backlogBytes) backlog.add(task)
      else {
        const right = candidates(tasks, task)
        const evicted = backlog.evictFor(task, LIMITS)
        const key = (list: readonly Task[]) =>
          list
            .map(each => tasks.indexOf(each))
            .toSorted()
            .join()
        if (!right.some(one => key(one) === key(evicted)))
          return `evicted: ${key(evicted)}, and not ${right.map(key).join(' or ')}`
        take(evicted)
        evictions += evicted.length
        if (evicted.length === 0) continue
        backlog.add(task)
      }
      tasks.push(task)
    } else if (what < 0.8) {
      const first = backlog.first()
      if (first !== tasks.toSorted(compareTasks)[0]) return 'the first is another one'
      if (first && !backlog.remove(first)) return 'the first was not there'
      if (first) take([first])
    } else if (what < 0.9 && tasks.length > 0) {
      const one = tasks[pick(tasks.length)]!
      if (!backlog.remove(one) || backlog.remove(one)) return 'one was not there once'
      take([one])
    } else take(backlog.takeExpired(now))
    if (backlog.length !== tasks.length || backlog.bytes !== sizeOf(tasks)) return 'its size is another one'
    if (tasks.length > LIMITS.backlog || sizeOf(tasks) > LIMITS.backlogBytes) return 'there is too much'
  }
  if (backlog.clear().length !== tasks.length || backlog.bytes !== 0) return 'not all was there at last'
  return evictions
}

t.test('in random order', async t => {
  let evictions = 0
  for (let seed = 1; seed <= RUNS; seed++) {
    const end = run(seed)
    if (typeof end === 'string') t.fail(`seed ${seed}: ${end}`)
    else evictions += end
  }
  t.ok(evictions > RUNS, `${evictions} were evicted`)
})

/** As an executor does it; what was refused, if anything was. */
function add(backlog: Backlog<Task>, task: Task, limits: { backlog: number; backlogBytes: number }): readonly Task[] {
  const isFull = backlog.length >= limits.backlog || backlog.bytes + task.body.byteLength > limits.backlogBytes
  const evicted = isFull ? backlog.evictFor(task, limits) : []
  if (isFull && evicted.length === 0) return [task]
  backlog.add(task)
  return evicted
}

t.test(
  'the last one of whoever holds most makes room, whatever its priority, and of its own newest is refused',
  async t => {
    const limits = { backlog: 100, backlogBytes: 1e6 }
    const backlog = new Backlog<Task>()
    const flood = Array.from({ length: 100 }, (_, i) => newTask('flood', i, { priority: 5 - (i % 2) }))
    for (const task of flood) add(backlog, task, limits)
    const newest = newTask('flood', 200, { priority: 9 })
    t.strictSame(add(backlog, newest, limits), [newest])
    t.equal(add(backlog, newTask('other', 201, { priority: -1 }), limits)[0], flood[99])
    t.equal(add(backlog, newTask('other', 202), limits)[0], flood[97])
    for (let i = 2; i < 50; i++) add(backlog, newTask('other', 300 + i), limits)
    const oneMore = newTask('other', 400)
    t.strictSame(add(backlog, oneMore, limits), [oneMore], 'each holds half of it')
  },
)

t.test('somebody who pretends to be many leaves others what is a small part', async t => {
  const limits = { backlog: 1000, backlogBytes: 1e6 }
  const backlog = new Backlog<Task>()
  for (let i = 0; i < 30; i++) add(backlog, newTask('honest', i), limits)
  for (let i = 0; i < 3000; i++) add(backlog, newTask(`one of many ${i}`, 100 + i), limits)
  const left = backlog.all.filter(({ client }) => client === 'honest')
  t.equal(left.length, 10)
})

t.test('no more than some small ones make room for a large one', async t => {
  const limits = { backlog: 1000, backlogBytes: 10_000 }
  const backlog = new Backlog<Task>()
  for (let i = 0; i < 1000; i++) add(backlog, newTask('flood', i, { bytes: 10 }), limits)
  t.equal(add(backlog, newTask('other', 2000, { bytes: 160 }), limits).length, 16)
  const large = newTask('other', 2001, { bytes: 170 })
  t.strictSame(add(backlog, large, limits), [large])
  t.equal(backlog.bytes, 10_000)
})
