// How many requests of a map are under way: among simulated slots, of which it hears only by notices after a tenth of a second.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { InFlight } from '../lib/client/in-flight.js'
import type { State } from '../lib/client/watch.js'

interface Request {
  sentAt: number
  endsAt: number
  told: State
}

const NOTICE_MS = 100
const STEP_MS = 25

/** What is under way in the last steps: the fewest that are computed and under way, and the most that wait. */
function simulate(slots: number, seconds: number, durationMs: () => number) {
  const inFlight = new InFlight('auto')
  const waiting: Request[] = []
  let computing: Request[] = []
  const tell = (request: Request, state: State) => {
    if (request.told !== state) inFlight.change(request.told, state)
    request.told = state
  }
  const found = { computing: Infinity, underWay: Infinity, waiting: 0 }
  for (let now = 0; now < seconds * 1000; now += STEP_MS) {
    for (const request of computing) if (request.endsAt <= now) tell(request, 'unknown')
    computing = computing.filter(({ endsAt }) => endsAt > now)
    while (waiting.length + computing.length < inFlight.most)
      waiting.push({ sentAt: now, endsAt: Infinity, told: 'unknown' })
    while (computing.length < slots && waiting.length > 0) {
      const request = waiting.shift()!
      request.endsAt = now + durationMs()
      computing.push(request)
      if (request.told === 'waiting') tell(request, 'computing')
    }
    for (const request of computing) if (now - request.sentAt >= NOTICE_MS) tell(request, 'computing')
    for (const request of waiting) if (now - request.sentAt >= NOTICE_MS) tell(request, 'waiting')
    if (now < seconds * 500) continue
    found.computing = Math.min(found.computing, computing.length)
    found.underWay = Math.min(found.underWay, computing.length + waiting.length)
    found.waiting = Math.max(found.waiting, waiting.length)
  }
  return found
}

t.test('long work: all slots compute, and few requests wait', async t => {
  const random = seededRandom(1)
  for (const slots of [1, 2, 4, 40, 64, 500, 3000])
    for (const ms of [500, 2000, 20_000]) {
      // The first 64 are to be over when half of the time is.
      const seconds = Math.max(20, ms / 25, (150 * ms) / slots / 1000)
      const found = simulate(slots, seconds, () => ms * (0.5 + random()))
      const name = `${slots} slots, ${ms} ms: ${JSON.stringify(found)}`
      t.equal(found.computing, slots, name)
      t.ok(found.waiting <= Math.max(8, slots + 4), name)
    }
})

t.test('work of about the time after which a notice comes: all slots compute', async t => {
  for (const slots of [1, 4, 30, 60])
    for (const ms of [25, 50, 75, 100, 125, 150, 200]) {
      const found = simulate(slots, 20, () => ms)
      t.equal(found.computing, slots, `${slots} slots, ${ms} ms: ${JSON.stringify(found)}`)
    }
})

t.test('short work: as many as ever', async t => {
  t.equal(simulate(32, 5, () => STEP_MS).underWay, 64)
})

t.test('a fixed number stays, and no more than 10,000 are under way', async t => {
  const fixed = new InFlight(5)
  const free = new InFlight('auto')
  for (let i = 0; i < 6000; i++) for (const each of [fixed, free]) each.change('unknown', 'computing')
  t.match([fixed.most, fixed.mostKept, free.most, free.mostKept], [5, 10, 10_000, 20_000])
  for (let i = 0; i < 6000; i++) free.change('computing', 'unknown')
  free.change('unknown', 'waiting')
  t.match([free.most, free.mostKept], [8, 128])
})
