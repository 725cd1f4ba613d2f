// Executors, a network and a clock that are made up, and that misbehave, over 100,000 events and more: each request ends once, none is
// forgotten, and once the troubles are over nobody is idle beside a request that waits, and what waits behind is not older than what is next.
// SEED repeats a run.
import t from 'tap'
import { MessyPool, SETTLED_MS, type Trouble } from './simulation/messy-pool.js'

const seed = Number(process.env.SEED ?? Date.now() % 1e9)
/** For one request in the mean: its report, order, transfer, acknowledgement, and what follows from them. */
const MAX_MESSAGES = 4.3
const MAX_MESSAGES_IN_TROUBLE = 5.5
/** A matchmaker that stands still, its successor's election, and what it must be told. */
const HEALED_MS = 9000
/** Several that start at once may all take themselves for the matchmaker. */
const STARTED_MS = 50
const MESSAGES: Trouble = { lost: 0.02, twice: 0.02, late: 0.01, mishaps: 0 }
const EXECUTORS: Trouble = { lost: 0, twice: 0, late: 0, mishaps: 3 }
const BOTH: Trouble = { ...MESSAGES, mishaps: 3 }

for (const hasLimits of [false, true])
  for (const [name, trouble] of Object.entries({
    nothing: undefined,
    messages: MESSAGES,
    executors: EXECUTORS,
    both: BOTH,
  })) {
    t.test(`troubled: ${name}${hasLimits ? ', functions with limits' : ''}`, async t => {
      const pool = new MessyPool(seed, hasLimits)
      for (let round = 0; round < 4; round++) {
        pool.runFor(6000, trouble)
        pool.runFor(10_000, undefined)
      }
      pool.finish()
      t.comment(`SEED=${seed}: ${pool.clock.events} events, ${pool.jobs.size} requests, ${pool.messages} messages`)
      t.same(pool.faults.slice(0, 5), [], `no faults with SEED=${seed}`)
      t.equal(pool.open.size, 0, 'all have ended')
      const messages = pool.messages / pool.jobs.size
      t.ok(messages < (trouble ? MAX_MESSAGES_IN_TROUBLE : MAX_MESSAGES), 'nobody talks in vain')
      t.ok(pool.worstIdleMs.calm < SETTLED_MS, 'nobody is idle for long beside a request that waits')
      const { calm, troubled } = pool.worstIdleMs
      t.comment(`idle beside a request that waits: ${calm} ms, ${troubled} ms when there is trouble`)
      t.ok(troubled < (trouble ? HEALED_MS : STARTED_MS), 'nor is it when there is trouble')
      t.ok(pool.clock.events > 100_000, 'enough has happened')
    })
  }
