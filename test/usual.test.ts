// What is usual is about the median of late, whatever a few make of it.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { Usual } from '../lib/executor/usual.js'

t.test('nothing was seen, then one, then the same again and again', async t => {
  const usual = new Usual()
  t.equal(usual.ms, undefined)
  for (let i = 0; i < 3; i++) usual.learn(20)
  t.equal(usual.ms, 20)
})

t.test('it is near the median of many, though one in ten takes a thousand times as long', async t => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed)
    const usual = new Usual()
    for (let i = 0; i < 500; i++) usual.learn((random() < 0.1 ? 20_000 : 20) * (0.5 + random()))
    t.ok(usual.ms! > 10 && usual.ms! < 50, `seed ${seed}: ${usual.ms}`)
  }
})

t.test('it follows when all takes longer, and when all takes less', async t => {
  const usual = new Usual()
  for (const ms of [1, 1000, 1]) {
    for (let i = 0; i < 40; i++) usual.learn(ms)
    t.equal(usual.ms, ms)
  }
})
