// The loss detection alone: in simulated pools nothing that is lost is overlooked, and on a healthy network nothing is taken for lost.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
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
