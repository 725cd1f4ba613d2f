// There is one matchmaker soon, whatever happened before.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { Election } from '../lib/matching/election.js'

const HALF = () => 0.5

function connected(id: string, random: () => number = HALF) {
  const election = new Election(id, random)
  t.same(election.connected(true, 0), ['reportAll'])
  return election
}

function matchmaker(id: string) {
  const election = connected(id)
  t.same(election.nobodyThere(10), ['serve', 'beacon', 'reportAll'])
  return election
}

t.test('who finds nobody becomes it, and says so twice a second', async t => {
  const election = matchmaker('b')
  t.equal(election.matchmaker, 'b')
  t.equal(election.wakeAt, 510)
  t.same(election.tick(509), [])
  t.same(election.tick(510), ['beacon'])
  t.same(election.nobodyThere(600), [], 'it is it already')
  t.same(election.tick(9000), ['beacon'], 'having stood still changes nothing')
})

t.test('who hears nobody becomes it', async t => {
  const election = connected('b')
  election.rttMs = 7
  t.same(election.heardBeacon({ id: 'c' }, 100), ['reportAll'])
  t.same(election.heardBeacon({ id: 'c' }, 600), [])
  t.equal(election.wakeAt, 600 + 1500 + 250 + 7)
  t.same(election.tick(2356), [])
  t.same(election.tick(2357), ['serve', 'beacon', 'reportAll'])
})

t.test('a beacon that was just heard counts more than nobody', async t => {
  const election = connected('b')
  election.heardBeacon({ id: 'c' }, 100)
  t.same(election.nobodyThere(149), [])
  t.same(election.nobodyThere(150), ['serve', 'beacon', 'reportAll'])
})

t.test('of two the smaller id stays', async t => {
  const election = matchmaker('b')
  t.same(election.heardBeacon({ id: 'c' }, 20), ['beacon'], 'the other one hears of it at once')
  t.same(election.heardBeacon({ id: 'b' }, 20), [], 'its own')
  t.same(election.heardBeacon({ id: 'a' }, 30), ['stepDown', 'reportAll'])
  t.equal(election.matchmaker, 'a')
  t.same(election.heardBeacon({ id: 'c' }, 40), [], 'the larger one will step down')
  t.equal(election.matchmaker, 'a')
  t.same(election.heardBeacon({ id: 'c' }, 1040), ['reportAll'], 'the smaller one is no more')
})

t.test('who resigns is followed soon, and never is it again', async t => {
  const [election, other] = [matchmaker('b'), connected('c')]
  other.heardBeacon({ id: 'b' }, 10)
  t.same(other.heardBeacon({ id: 'x', resigns: true }, 20), [], 'not the one that counts')
  t.equal(other.matchmaker, 'b')
  t.same(election.resign(100), ['resigned', 'stepDown'])
  t.same(other.heardBeacon({ id: 'b', resigns: true }, 100), [])
  t.equal(other.wakeAt, 150)
  t.same(other.tick(150), ['serve', 'beacon', 'reportAll'])
  t.same(election.nobodyThere(1000), [])
  t.equal(election.wakeAt, Infinity)
  t.same(election.heardBeacon({ id: 'c' }, 1000), ['reportAll'], 'but it reports what it has')
  t.equal(election.wakeAt, Infinity)
})

t.test('without a connection it is nothing', async t => {
  const election = matchmaker('b')
  t.same(election.connected(false, 20), ['stepDown'])
  t.equal(election.matchmaker, undefined)
  t.equal(election.wakeAt, Infinity)
  t.same(election.nobodyThere(30), [])
  t.same(election.connected(true, 40), ['reportAll'])
  t.equal(election.wakeAt, 40 + 1750)
})

t.test('a follower that stood still looks once more', async t => {
  const election = connected('b')
  t.same(election.tick(1750 + 1000), [])
  t.equal(election.wakeAt, 2750 + 100 + 250)
  t.same(election.tick(3100), ['serve', 'beacon', 'reportAll'])
})

t.test('many that start, stop, stand still and lose beacons: one is it in the end', async t => {
  const random = seededRandom(Number(process.env.SEED ?? Date.now() % 1e9))
  for (let run = 0; run < 50; run++) {
    const elections = new Map(Array.from({ length: 10 }, (_, i) => [`x${i}`, new Election(`x${i}`, random)]))
    const awakeAt = new Map<string, number>()
    let beacons: { id: string; resigns?: true; at: number }[] = []
    const act = (id: string, actions: string[], now: number) => {
      if (actions.includes('beacon')) beacons.push({ id, at: now + random() })
      if (actions.includes('resigned')) beacons.push({ id, resigns: true, at: now + random() })
    }
    for (let now = 0; now < 12_000; now++) {
      const isTroubled = now < 6000
      const due = beacons.filter(({ at }) => at <= now)
      beacons = beacons.filter(({ at }) => at > now)
      for (const [id, election] of elections) {
        if (isTroubled && random() < 0.001) awakeAt.set(id, now + 4000 * random())
        if (isTroubled && random() < 0.0005) act(id, election.connected(false, now), now)
        if (isTroubled && random() < 0.00003) act(id, election.resign(now), now)
        if (random() < 0.001 || now === 6000) act(id, election.connected(true, now), now)
        if (now < (awakeAt.get(id) ?? 0)) continue
        for (const beacon of due) if (!isTroubled || random() < 0.9) act(id, election.heardBeacon(beacon, now), now)
        act(id, election.tick(now), now)
      }
    }
    const serving = [...elections].filter(([, { state }]) => state === 'matchmaker').map(([id]) => id)
    const known = new Set([...elections.values()].map(({ matchmaker }) => matchmaker))
    t.equal(serving.length, 1)
    t.same([...known], serving, 'and all know')
  }
})
