// Executors, a network and a clock that are made up, and that misbehave, over 100,000 events and more: each request ends once, none is
// forgotten, and once the troubles are over nobody is idle beside a request that waits, and what waits behind is not older than what is next.
// SEED repeats a run.
import t from 'tap'
import { MessyPool, type Trouble } from './simulation/messy-pool.js'

const seed = Number(process.env.SEED ?? Date.now() % 1e9)
const MESSAGES: Trouble = { lost: 0.02, twice: 0.02, late: 0.01, mishaps: 0 }
const EXECUTORS: Trouble = { lost: 0, twice: 0, late: 0, mishaps: 3 }
const BOTH: Trouble = { ...MESSAGES, mishaps: 3 }

for (const [name, trouble] of Object.entries({
  nothing: undefined,
  messages: MESSAGES,
  executors: EXECUTORS,
  both: BOTH,
})) {
  t.test(`troubled: ${name}`, async t => {
    const pool = new MessyPool(seed)
    for (let round = 0; round < 4; round++) {
      pool.runFor(6000, trouble)
      pool.runFor(10_000, undefined)
    }
    pool.finish()
    t.comment(`SEED=${seed}: ${pool.clock.events} events, ${pool.jobs.size} requests`)
    t.same(pool.faults.slice(0, 5), [], `no faults with SEED=${seed}`)
    t.comment(pool.worstIdleMs)
    t.equal(pool.open.size, 0, 'all have ended')
    t.ok(pool.clock.events > 100_000, 'enough has happened')
  })
}
