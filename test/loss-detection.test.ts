// The loss detection alone: in simulated pools nothing that is lost is overlooked, and on a healthy network nothing is taken for lost.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { LossDetection } from '../lib/client/loss-detection.js'
import type { Outcome } from '../lib/client/questions.js'
import { type Question, Watch } from '../lib/client/watch.js'
import { SimulatedPool, type World } from './fixtures/simulated-pool.js'

const HEALTHY: Omit<World, 'random'> = {
  rttMs: 1,
  jitterMs: 1,
  lost: 0,
  doubled: 0,
  deathEveryMs: 0,
  pauseEveryMs: 0,
  blockEveryMs: 0,
  executors: 8,
  calls: 300,
  longestMs: 3000,
}

function simulate(world: Partial<World>, seed: number) {
  const pool = new SimulatedPool({ ...HEALTHY, ...world, random: seededRandom(seed) })
  pool.run()
  return pool
}

for (const rttMs of [0.2, 2, 20, 80, 160])
  t.test(`healthy, ${rttMs} ms`, async t => {
    for (const jitterMs of [0.1, 5, rttMs / 3])
      for (let seed = 1; seed <= 3; seed++)
        for (const blockEveryMs of [0, 4000]) {
          const pool = simulate({ rttMs, jitterMs, blockEveryMs, doubled: 5 }, seed)
          const say = `jitter ${jitterMs}, seed ${seed}, blocked ${blockEveryMs}`
          t.equal(pool.losses, 0, `${say}: nothing is lost in ${pool.events} events`)
          t.ok(pool.calls.every(({ ends }) => ends === 1))
        }
  })

const cases: [name: string, withinMs: number, world: Partial<World>][] = [
  ['executors die', 2500, { deathEveryMs: 500 }],
  ['messages are lost', 2500, { lost: 3, doubled: 3 }],
  ['executors pause', 6000, { pauseEveryMs: 1000 }],
  ['all of it', 9000, { deathEveryMs: 1000, pauseEveryMs: 2000, blockEveryMs: 5000, lost: 3, doubled: 3 }],
]
let events = 0
for (const [name, withinMs, world] of cases)
  for (const rttMs of [0.2, 20, 160])
    t.test(`${name}, ${rttMs} ms`, async t => {
      for (let seed = 1; seed <= 6; seed++) {
        const pool = simulate({ rttMs, jitterMs: rttMs / 4, ...world }, seed)
        const { losses, wrongLosses, deaths, longestUnseenMs } = pool
        events += pool.events
        t.ok(
          pool.calls.every(({ ends }) => ends === 1),
          'each call ends once',
        )
        t.ok(longestUnseenMs <= withinMs + 4 * rttMs, `a loss is overlooked for ${Math.round(longestUnseenMs)} ms`)
        t.comment(`${losses} losses, ${wrongLosses} wrong, ${deaths} deaths, ${Math.round(longestUnseenMs)} ms`)
      }
    })

t.test('events', async t => t.ok(events > 100_000, `${events}`))

/** A loss detection with calls, on a clock of its own; `answer` says what comes of each question, undefined: nothing. */
class Bench {
  now = 0
  readonly questions: Question[] = []
  /** What each call was told, by its id. */
  readonly lost: Record<string, boolean | undefined> = {}
  readonly detection = new LossDetection(question => {
    this.questions.push(question)
    this.#asked.push(question)
  })
  readonly #asked: Question[] = []
  readonly #answer: (question: Question) => Outcome | undefined

  constructor(answer: (question: Question) => Outcome | undefined) {
    this.#answer = answer
  }

  send(id: string, maySendAgain = true, isKept = false) {
    const lost = (hasDied?: boolean) => (this.lost[id] = hasDied)
    const watch = new Watch({ id, losses: 0, maySendAgain, held() {}, lost }, isKept)
    this.detection.sent(watch, this.now)
    return watch
  }

  pass(ms: number) {
    for (const until = this.now + ms; this.now < until; this.now += 25) {
      this.detection.tick(this.now)
      for (const question of this.#asked.splice(0)) {
        const outcome = this.#answer(question)
        if (outcome) this.detection.heard(question, outcome, this.now + 1)
      }
    }
  }
}

const here = (executorId: string): Outcome => ({ executorId })

t.test('what is detached is left to who keeps a copy, for a while', async t => {
  for (const keeper of [undefined, 'b']) {
    let isThere = true
    let isTaken = false
    const bench = new Bench(({ executorId, ids }) => {
      if (executorId === 'a') return isThere ? { executorId, computing: ids } : 'nobody'
      return isTaken ? { executorId: 'b', computing: ids } : undefined
    })
    const watch = bench.send('call', true, true)
    bench.detection.noticed(watch, 'a', 'computing', false, bench.now)
    bench.pass(3000)
    isThere = false
    bench.pass(1500)
    t.strictSame(bench.lost, {})
    isTaken = keeper !== undefined
    bench.pass(2000)
    t.strictSame(bench.lost, keeper ? {} : { call: true })
    t.equal(watch.holder?.id, keeper)
  }
  const unheard = new Bench(question => (question.isRoll ? here('b') : undefined))
  unheard.send('call', true, true)
  unheard.pass(1500)
  t.strictSame(Object.keys(unheard.lost), ['call'], 'there is a copy of what was told of alone')
})

t.test('whether an executor has died', async t => {
  const die = (state: 'waiting' | 'computing', how: Outcome | undefined) => {
    let isThere = true
    const bench = new Bench(({ executorId, ids }) =>
      executorId === 'a' ? (isThere ? { executorId: 'a', [state]: ids } : how) : undefined,
    )
    const watch = bench.send('call')
    bench.detection.noticed(watch, 'a', state, false, bench.now)
    bench.pass(2000)
    t.strictSame(bench.lost, {})
    isThere = false
    bench.pass(2000)
    return bench.lost
  }
  t.strictSame(die('computing', 'nobody'), { call: true })
  t.strictSame(die('computing', undefined), { call: true })
  t.strictSame(die('waiting', 'nobody'), { call: false })

  const unheld = (known: string[], answer: (question: Question) => Outcome | undefined) => {
    const bench = new Bench(answer)
    for (const id of known) bench.detection.met(id, 0)
    bench.send('call')
    bench.pass(5000)
    return bench.lost
  }
  const only = (there: Record<string, Outcome | undefined>) => (question: Question) =>
    question.isRoll ? there[question.executorId ?? 'all'] : undefined
  t.strictSame(unheld(['a', 'b'], only({ a: here('a'), b: 'nobody' })), { call: true }, 'the others are there')
  t.strictSame(unheld(['a', 'b'], only({ a: here('a') })), { call: false }, 'one stands still')
  t.strictSame(
    unheld([], () => 'nobody'),
    { call: undefined },
    'nobody is there',
  )
  t.strictSame(
    unheld([], () => undefined),
    { call: undefined },
    'nobody says anything',
  )
  t.strictSame(unheld([], only({ all: here('c') })), { call: true }, 'somebody is there whom we did not know')
})

t.test('one that is not sent again is sought for two seconds', async t => {
  const bench = new Bench(() => 'nobody')
  bench.send('call', false)
  bench.pass(2000)
  t.strictSame(bench.lost, {})
  bench.pass(2000)
  t.ok('call' in bench.lost)
})

t.test('after the connection was down', async t => {
  let isThere = true
  const bench = new Bench(({ executorId, ids }) =>
    isThere && executorId === 'a' ? { executorId: 'a', computing: ids } : 'nobody',
  )
  const held = bench.send('held')
  bench.detection.noticed(held, 'a', 'computing', false, bench.now)
  bench.pass(1000)
  bench.send('sent')
  bench.pass(50)
  isThere = false
  bench.detection.connected(bench.now)
  bench.questions.length = 0
  bench.pass(50)
  t.strictSame(bench.questions.map(({ ids }) => ids).toSorted(), [['held'], ['sent']], 'all are asked for at once')
  bench.pass(900)
  t.strictSame(bench.lost, {}, 'nothing is lost yet')
  bench.pass(1500)
  t.strictSame(bench.lost, { held: false, sent: false }, 'then it is, and nobody has died')
})

t.test('many calls', async t => {
  const bench = new Bench(({ executorId, ids }) => ({ executorId: executorId ?? 'b', computing: ids }))
  for (let i = 0; i < 10_000; i++)
    bench.detection.noticed(bench.send(`call-${i}`), i % 10 === 0 ? 'b' : 'a', 'waiting', false, bench.now)
  bench.pass(3000)
  t.ok(bench.questions.every(({ ids }) => ids.length <= 512))
  const ids = bench.questions.flatMap(({ ids }) => ids)
  t.ok(ids.length <= 31_000, `${ids.length} ids in 3 s`)
  t.equal(new Set(ids).size, 10_000, 'each comes')
  t.ok(bench.questions.filter(({ executorId }) => executorId === 'b').length >= 6, 'a small holder has its turn')
  bench.questions.length = 0
  bench.pass(200)
  t.strictSame(bench.lost, {})
})
