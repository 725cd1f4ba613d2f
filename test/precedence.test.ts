// Whether a slot waits for a much older request from elsewhere.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { KnownAges } from '../lib/executor/handover/known-ages.js'
import { Precedence } from '../lib/executor/handover/precedence.js'

function setUp() {
  const ages = new KnownAges()
  const told: string[] = []
  let asked = 0
  const precedence = new Precedence(
    ages,
    executor => {
      told.push(`ask ${executor}`)
      return `token ${++asked}`
    },
    () => void told.push('over'),
  )
  return { ages, told, precedence, now: performance.now() }
}

t.test('the oldest comes first if it is older by a margin', async t => {
  const { ages, told, precedence, now } = setUp()
  t.notOk(precedence.fetch(now), 'nothing is known of others')
  ages.note('young', now - 50)
  t.notOk(precedence.fetch(now), 'a moment does not count')
  ages.note('old', now - 500)
  ages.note('oldest', now - 1000)
  t.notOk(precedence.fetch(now - 2000), 'this one is older')
  t.ok(precedence.fetch(now))
  precedence.answered('another token')
  t.strictSame(told, ['ask oldest'])
  precedence.answered('token 1')
  precedence.answered('token 1')
  t.strictSame(told, ['ask oldest', 'over'])
})

t.test('who does not answer at once is not waited for, nor asked again', async t => {
  const { ages, told, precedence, now } = setUp()
  ages.note('paused', now - 1000)
  precedence.fetch(now)
  while (told.length < 2) await sleep(1)
  t.strictSame(told, ['ask paused', 'over'])
  t.equal(precedence.outranking(now), undefined)
})

t.test('the longer slots have waited, the less often they wait', async t => {
  const { ages, told, precedence, now } = setUp()
  let waits = 0
  for (; waits < 1000; waits++) {
    ages.note('slow', now - 1000)
    if (!precedence.fetch(now)) break
    while (told.at(-1) !== 'over') await sleep(1)
  }
  t.ok(waits > 1 && waits < 20, `${waits} waits`)
  ages.note('slow', now - 1e6)
  t.equal(precedence.outranking(now), 'slow', 'what is still older by far is waited for')
})

t.test('an executor that stood still while it waited waits again soon', t => {
  const { ages, told, precedence, now } = setUp()
  ages.note('old', now - 1000)
  t.ok(precedence.fetch(now))
  const until = performance.now() + 200
  while (performance.now() < until);
  precedence.answered('token 1')
  t.strictSame(told, ['ask old', 'over'])
  t.equal(precedence.outranking(now), 'old')
  t.end()
})

t.test('closing ends the waiting', async t => {
  const { ages, told, precedence, now } = setUp()
  ages.note('old', now - 1000)
  precedence.close()
  precedence.fetch(now)
  precedence.close()
  t.strictSame(told, ['ask old', 'over'])
})
