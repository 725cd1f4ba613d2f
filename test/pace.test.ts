// What a limit of arguments a second lets through, by a made-up clock.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { Pace } from '../lib/client/pace.js'

t.test('evenly, and never more than the limit and one batch', async t => {
  const random = seededRandom(1)
  for (const limit of [0.5, 7, 50, 1000, 30_000]) {
    const pace = new Pace(limit)
    const sent: { at: number; count: number }[] = []
    let now = 1000
    for (let i = 0; i < 2000; i++) {
      const wait = pace.pauseMs(now)
      // Timers are late, and sometimes there is nothing to send for a while.
      now += wait + (random() < 0.5 ? random() * 10 : 0) + (random() < 0.01 ? random() * 2000 : 0)
      if (pace.pauseMs(now) > 0) continue
      const count = Math.ceil(random() * Math.min(pace.mostAtOnce, 100))
      sent.push({ at: now, count })
      pace.sent(count, now)
    }
    t.ok(sent.length > 500)
    for (const length of [2, 5, 50])
      for (let i = 0; i + length <= sent.length; i++) {
        const some = sent.slice(i, i + length)
        const seconds = (some.at(-1)!.at - some[0]!.at) / 1000
        // The last one's time is still to come.
        const count = some.slice(0, -1).reduce((sum, each) => sum + each.count, 0)
        if (count > limit * (seconds + 0.021)) t.fail(`${limit} a second: ${count} in ${seconds} s`)
      }
  }
})

t.test('timers that are late cost nothing', async t => {
  const pace = new Pace(100)
  let now = 0
  let count = 0
  for (; now < 10_000; now += Math.max(1, pace.pauseMs(now)) + 3)
    if (pace.pauseMs(now) === 0) {
      pace.sent(1, now)
      count++
    }
  t.ok(count > 950 && count <= 1003, String(count))
})

t.test('a batch is at most what a tenth of a second allows', async t => {
  t.strictSame(
    [0.001, 5, 10, 19, 20, 1000, Infinity].map(limit => new Pace(limit).mostAtOnce),
    [1, 1, 1, 1, 2, 100, Infinity],
  )
  const pace = new Pace(Infinity)
  pace.sent(1000, 5)
  t.equal(pace.pauseMs(5), 0)
  const slow = new Pace(1e-9)
  slow.sent(1, 0)
  t.ok(slow.pauseMs(0) > 1e11)
})
