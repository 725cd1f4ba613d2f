import t from 'tap'
import { chaos } from './chaos/chaos.js'

t.test('whatever happens to executors and server, each call gets its one right answer', async t => {
  const seed = Date.now() % 1e9
  t.comment(`seed ${seed}`)
  const outcome = await chaos({ seconds: 10, seed, clients: 2, executors: 4, inFlight: 8, pauseMs: 700 })
  const { calls, right, slotDeaths, executorDeaths } = outcome
  t.equal(right + slotDeaths + executorDeaths, calls, 'each call has the right result')
  t.ok(slotDeaths <= outcome.slotKills, 'but those that ran in a slot that was killed')
  t.same(outcome.errors, {}, `no errors: ${outcome.messages.join('; ')}`)
  t.ok(calls > 100, 'many calls')
  t.same(outcome.wrongExits, [], 'executors that are told to stop end with 0')
  t.equal(outcome.left, 0, 'nothing is left behind')
})
