// When a server that says nothing is taken for dead, and the round-trip time: by made-up clocks.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { RoundTripTime } from '../lib/nats/round-trip-time.js'
import { Silence } from '../lib/nats/silence.js'

t.test('the round-trip time follows RFC 6298', async t => {
  const time = new RoundTripTime()
  t.strictSame([time.smoothed, time.longest], [0, 0])
  time.sample(100)
  t.strictSame([time.smoothed, time.longest], [100, 300])
  time.sample(100)
  t.strictSame([time.smoothed, time.longest], [100, 250])
  time.sample(180)
  t.strictSame([time.smoothed, time.longest], [110, 110 + 4 * (28.125 + 20)])
  time.restart()
  t.equal(time.smoothed, 110)
  time.sample(1e9)
  t.equal(time.smoothed, 2000, 'one answer counts for no more')
  time.sample(-1)
  t.ok(time.smoothed >= 0)
})

t.test('a server that is there is never taken for dead, however late this process is', async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed)
    const longestMs = random() < 0.5 ? random() * 5 : random() * 2000
    let now = random() * 1e6
    const silence = new Silence(now)
    let askedAt = now
    for (let i = 0; i < 10_000; i++) {
      // The timer comes late, at times very much so; what has been answered meanwhile is read after the look.
      const blockedMs = random() < 0.05 ? random() * 20_000 : random() * 3
      const readUntil = now + silence.nextMs
      now += silence.nextMs + blockedMs
      const isSign = askedAt + longestMs <= readUntil
      const verdict = silence.look(now, isSign, longestMs)
      if (isSign) askedAt = Infinity
      if (askedAt === Infinity) askedAt = now
      if (verdict === 'dead') return t.fail(`seed ${seed}, look ${i}`)
    }
  }
  t.pass()
})

t.test('a dead one is, in time', async t => {
  for (let seed = 1; seed <= 2000; seed++) {
    const random = seededRandom(seed)
    const longestMs = random() * 200
    let now = random() * 1e6
    const silence = new Silence(now)
    const looks = Math.floor(random() * 20)
    for (let i = 0; i < looks; i++) silence.look((now += silence.nextMs + random()), random() < 0.8, longestMs)
    silence.look((now += silence.nextMs), true, longestMs)
    // The last sign came anywhere between two looks.
    const from = now
    let verdict: string = 'alive'
    while (verdict !== 'dead') verdict = silence.look((now += silence.nextMs + random() * 2), false, longestMs)
    const ms = now - from
    if (ms < 2900 + longestMs || ms > 2920 + longestMs) return t.fail(`seed ${seed}: ${ms} ms`)
  }
  t.pass()
})

t.test('so is one of which a process hears nothing that is always late', async t => {
  let now = 0
  const silence = new Silence(now)
  let looks = 0
  while (silence.look((now += silence.nextMs + 1500), false, 1) !== 'dead') looks++
  t.ok(looks < 8, `${looks}`)
})
