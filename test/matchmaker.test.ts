// Which tickets the matchmaker sends where, and what it believes meanwhile; and that executors tell it what it must know, and no more.
import t from 'tap'
import { Matchmaker } from '../lib/matching/matchmaker.js'
import { type Reportable, Reporter } from '../lib/matching/reporter.js'
import { Transfers } from '../lib/matching/transfers.js'
import type { Limit, Report, Ticket } from '../lib/protocol/dispatch.js'

/** A matchmaker, and executors that report by hand. */
class Pool {
  readonly matchmaker = new Matchmaker('m')
  now = 10_000
  #n = 0

  report(id: string, report: Partial<Report>) {
    this.matchmaker.report({ id, n: ++this.#n, slots: 1, free: 0, ...report }, this.now)
  }

  /** The orders as `holder key>receiver`. */
  match() {
    const orders = this.matchmaker.match(this.now)
    return [...orders].flatMap(([holder, { give }]) => give.map(([key, to]) => `${holder} ${key}>${to}`))
  }
}

const aged = (...ages: [string, number, number?, string?][]) =>
  ages.map(([key, age, priority = 0, ...functionName]): Ticket => [key, age, priority, ...functionName])

const job = (ticket: string, since = 0, priority = 0, functionName = ''): Reportable => ({
  ticket,
  since,
  priority,
  functionName,
})

t.test('the oldest goes to an idle executor, a higher priority first', async t => {
  const pool = new Pool()
  pool.report('a', { tickets: aged(['a1', 30], ['a2', 20]) })
  pool.report('b', { tickets: aged(['b1', 10, 1], ['b2', 40]) })
  pool.report('c', { free: 1 })
  t.same(pool.match(), ['b b1>c', 'a a2>c'], 'what waits behind is next where none is')
  pool.report('d', { free: 2, slots: 2 })
  t.same(pool.match(), ['b b2>d', 'a a1>d'], 'as many as it has places')
})

t.test('a free slot of the holder gets its own request', async t => {
  const pool = new Pool()
  pool.report('a', { slots: 2, free: 1, tickets: aged(['a1', 50]) })
  pool.report('b', { free: 1 })
  t.same(pool.match(), [])
})

t.test('what waits behind goes to where it is next', async t => {
  const pool = new Pool()
  pool.report('a', { tickets: aged(['a1', 50], ['a2', 40], ['a3', 5]) })
  pool.report('b', { tickets: aged(['b1', 10]) })
  pool.report('c', { tickets: aged(['c1', 20]) })
  t.same(pool.match(), ['a a2>b'], 'the youngest next one gives way, but not to a younger one')
  pool.report('b', { took: ['a2'], tickets: aged(['a2', 40]) })
  pool.report('d', {})
  t.same(pool.match(), ['b b1>d'], 'an executor without a next one is better still')
})

t.test('what is hardly older stays, a higher priority does not', async t => {
  const pool = new Pool()
  pool.report('a', { tickets: aged(['a1', 50], ['a2', 10.9]) })
  pool.report('b', { tickets: aged(['b1', 10]) })
  t.same(pool.match(), [])
  pool.report('a', { tickets: aged(['a3', 1, 1], ['a4', 0.5, 1]) })
  t.same(pool.match(), ['a a4>b'])
})

t.test('one that stops gives everything and gets nothing', async t => {
  const pool = new Pool()
  pool.report('a', { slots: 0, free: 1, tickets: aged(['a1', 50], ['a2', 40]) })
  t.same(pool.match(), [])
  pool.report('b', { tickets: aged(['b1', 10]) })
  t.same(pool.match(), ['a a1>b'])
  pool.report('c', {})
  t.same(pool.match(), ['a a2>c'])
})

t.test('an order is believed until something else is heard', async t => {
  const ordered = () => {
    const pool = new Pool()
    pool.report('a', { full: true, tickets: aged(['a1', 50], ['a2', 40]) })
    pool.report('b', { free: 1 })
    t.same(pool.match(), ['a a1>b'])
    return pool
  }
  const crossed = ordered()
  crossed.report('a', { full: true, tickets: aged(['a1', 51], ['a2', 41]) })
  crossed.report('b', { full: true, free: 1, gone: ['a1'] })
  t.same(crossed.match(), [], 'reports that crossed it change nothing')

  const taken = ordered()
  taken.report('b', { took: ['a1'], free: 0 })
  taken.report('a', { full: true, tickets: aged(['a1', 51], ['a2', 41]) })
  t.same(taken.match(), [])
  taken.report('b', { free: 1 })
  t.same(taken.match(), ['a a2>b'], 'after that its report is the truth')

  const started = ordered()
  started.report('a', { gone: ['a1'] })
  t.same(started.match(), ['a a2>b'], 'the holder has started it: the place is free again')

  const deaf = ordered()
  deaf.report('a', { deaf: ['b'], tickets: aged(['a1', 60]) })
  t.same(deaf.match(), [], 'a deaf one gets nothing')
  deaf.report('b', { free: 1 })
  t.same(deaf.match(), ['a a1>b'], 'until it speaks')

  const doubtful = ordered()
  doubtful.report('a', { deaf: ['b'] })
  doubtful.report('b', { free: 1 })
  t.same(doubtful.match(), ['a a2>b'], 'a request that was left to its client is not expected')

  const back = ordered()
  back.report('b', { took: ['a1'], tickets: aged(['a1', 50]) })
  back.report('a', { free: 1, gone: ['a2'] })
  t.same(back.match(), ['b a1>a'])
  back.report('a', { full: true, took: ['a1'], tickets: aged(['a1', 50]) })
  back.report('b', { free: 1 })
  t.same(back.match(), ['a a1>b'], 'there and back again')

  const refused = ordered()
  refused.report('a', { tickets: aged(['a1', 60]) })
  t.same(refused.match(), ['a a1>b'], 'told of as new it is back')

  const unheard = ordered()
  unheard.now += 1000
  unheard.report('b', { full: true, free: 1 })
  unheard.report('a', { full: true, tickets: aged(['a2', 1041]) })
  t.same(unheard.match(), [])
  t.equal(unheard.matchmaker.wakeAt(unheard.now), 11_500)
  unheard.now = 11_500
  t.same(unheard.match(), ['a a2>b'], 'it is late')

  const lost = ordered()
  lost.now += 1000
  lost.report('b', { full: true, free: 1 })
  lost.report('a', { full: true, tickets: aged(['a1', 1051], ['a2', 1041]) })
  t.same(lost.match(), ['a a1>b'], 'the holder has it still')
})

t.test('what is on its way stays where it goes', async t => {
  const pool = new Pool()
  pool.report('a', { tickets: aged(['a1', 50], ['a2', 40]) })
  pool.report('b', {})
  t.same(pool.match(), ['a a2>b'])
  pool.report('a', { gone: ['a1'] })
  pool.report('c', { free: 1 })
  t.same(pool.match(), [])
  pool.report('b', { full: true, tickets: aged(['a2', 41]) })
  t.same(pool.match(), ['b a2>c'], 'until it is seen there, whether or not the receipt was lost')
})

t.test('who is silent, or not there, is forgotten', async t => {
  const pool = new Pool()
  pool.report('a', { tickets: aged(['a1', 50], ['a2', 40]) })
  pool.report('b', { free: 1 })
  t.same(pool.match(), ['a a1>b'])
  pool.matchmaker.forget('a', pool.now)
  t.equal(pool.matchmaker.size, 1)
  pool.report('c', { tickets: aged(['c1', 1]) })
  t.same(pool.match(), ['c c1>b'], 'nothing comes of what it was told to give')
  pool.matchmaker.forget('b', pool.now)
  pool.now += 1500
  pool.report('c', { tickets: aged(['c2', 1]) })
  t.same(pool.match(), [], 'not even the place of what is late')
  pool.report('d', {})
  pool.now += 1000
  pool.report('c', {})
  pool.now += 1000
  t.same(pool.match(), [])
  t.equal(pool.matchmaker.size, 1)
})

t.test('old reports are ignored, a missed one heals with the next full one', async t => {
  const { matchmaker, ...pool } = new Pool()
  const report = (n: number, id: string, report: Partial<Report>) =>
    matchmaker.report({ id, n, slots: 1, free: 0, ...report }, pool.now)
  report(2, 'a', { tickets: aged(['a1', 50]) })
  report(2, 'a', { tickets: aged(['a0', 60]) })
  report(1, 'a', { gone: ['a1'] })
  report(1, 'b', { free: 1 })
  t.same([...matchmaker.match(pool.now)], [['a', { give: [['a1', 'b']] }]])
  report(2, 'b', { free: 0, took: ['a1'] })
  report(4, 'b', { free: 1 })
  report(9, 'a', { full: true, tickets: aged(['a8', 5]) })
  t.same([...matchmaker.match(pool.now)], [['a', { give: [['a8', 'b']] }]])
})

t.test('a move must be worth its round trips', async t => {
  const pool = new Pool()
  pool.report('m', { slots: 0, rttMs: 40 })
  pool.report('a', { rttMs: 40, meanMs: 30, tickets: aged(['a1', 90], ['a2', 80], ['a3', 70], ['a4', 60]) })
  pool.report('b', { rttMs: 40, free: 1 })
  t.same(pool.match(), ['a a3>b', 'a a4>b'], 'what would wait for 90 ms gains by 80 ms on the way')
})

t.test('who is too far for one is not too far for another', async t => {
  const pool = new Pool()
  pool.report('far', { rttMs: 50, free: 2, slots: 2 })
  pool.report('near', { free: 1 })
  pool.report('a', { meanMs: 10, tickets: aged(['a1', 90]) })
  t.same(pool.match(), ['a a1>near'])
  pool.report('b', { meanMs: 1000, tickets: aged(['b1', 50]) })
  t.same(pool.match(), ['b b1>far'])
})

t.test('what its function’s limit keeps goes to who has room for that function, and holds up no other', async t => {
  const pool = new Pool()
  const narrow = (free: number): Limit[] => [['narrow', 1, free]]
  pool.report('a', {
    slots: 3,
    free: 2,
    limits: narrow(0),
    tickets: aged(['a1', 50, 0, 'narrow'], ['a2', 40, 0, 'narrow']),
  })
  pool.report('b', { slots: 3, free: 2, limits: narrow(0) })
  t.same(pool.match(), ['a a2>b'], 'the second one is next where none is')
  pool.report('b', { slots: 3, free: 2, limits: narrow(0), took: ['a2'], tickets: aged(['a2', 40, 0, 'narrow']) })
  pool.report('c', { slots: 3, free: 2, limits: narrow(1) })
  t.same(pool.match(), ['a a1>c'], 'one, since it fills the place')
  pool.report('d', { tickets: aged(['d1', 9], ['d2', 8], ['d3', 7], ['d4', 6], ['d5', 5], ['d6', 4]) })
  t.same(pool.match(), ['d d1>a', 'd d2>b', 'd d3>b', 'd d4>a', 'd d5>c'], 'all other places are free')
  pool.report('c', { slots: 3, free: 1, limits: narrow(0), took: ['a1'] })
  pool.report('c', { slots: 3, free: 2, limits: narrow(1) })
  t.same(pool.match(), ['b a2>c'], 'when its computation is over there is room again')
})

t.test('of those that a limit keeps and all others the first one goes first', async t => {
  const pool = new Pool()
  pool.report('a', { limits: [['narrow', 1, 0]], tickets: aged(['a1', 30, 0, 'narrow'], ['a2', 50, -1, 'narrow']) })
  pool.report('b', { tickets: aged(['b1', 40], ['b2', 20]) })
  pool.report('c', { slots: 3, free: 2, limits: [['narrow', 1, 1]] })
  t.same(pool.match(), ['b b1>c', 'a a1>c'])
  pool.report('d', { slots: 2, free: 2 })
  t.same(pool.match(), ['b b2>d', 'a a2>d'], 'who says nothing of a limit has none')
})

t.test('a place for a function is taken by what was ordered there, until something else is heard', async t => {
  const pool = new Pool()
  const limits: Limit[] = [['narrow', 1, 1]]
  pool.report('a', { limits: [['narrow', 1, 0]], tickets: aged(['a1', 30, 0, 'narrow']) })
  pool.report('b', { slots: 4, free: 4, limits })
  t.same(pool.match(), ['a a1>b'])
  pool.report('e', { slots: 0, tickets: aged(['e1', 9, 0, 'narrow'], ['e2', 8, 0, 'narrow']) })
  pool.report('b', { slots: 4, free: 4, limits, full: true })
  t.same(pool.match(), ['e e1>b', 'e e2>a'], 'as next ones, where there is none')
  pool.report('a', { gone: ['a1'], limits: [['narrow', 1, 0]] })
  pool.report('f', { slots: 0, tickets: aged(['f1', 7, 0, 'narrow']) })
  t.same(pool.match(), ['f f1>b'], 'the first one never came')
})

t.test('a function gets a limit, and loses it', async t => {
  const pool = new Pool()
  const told = (...ages: Parameters<typeof aged>) => pool.report('a', { full: true, tickets: aged(...ages) })
  told(['a1', 30])
  pool.report('b', { slots: 2, free: 1, limits: [['narrow', 1, 0]] })
  told(['a1', 30, 0, 'narrow'])
  t.same(pool.match(), [], 'it is next here')
  told(['a1', 30])
  t.same(pool.match(), ['a a1>b'])
})

t.test('an executor tells what the matchmaker cannot know', async t => {
  const reporter = new Reporter('x', () => 0.5)
  const waiting: Reportable[] = []
  let free = 1
  const report = (now: number) =>
    reporter.report({ slots: 1, free, limits: [], waiting, meanMs: Infinity, rttMs: 0.2 }, now)
  const x = { id: 'x', slots: 1, rttMs: 0.2 }
  t.same(report(1000), { ...x, n: 1, full: true, free: 1 })
  t.equal(reporter.nextAt, 2000)
  t.equal(report(1001), undefined)

  reporter.took(job('t1'))
  free = 0
  t.equal(report(1010), undefined, 'what came by order and has started is no news')
  waiting.push(job('t2', 1005.5, 2))
  t.same(report(1010), { ...x, n: 2, free: 0, tickets: [['t2', 4.5, 2]], took: ['t1'] })
  reporter.took(job('t3'))
  t.same(report(1020), { ...x, n: 3, free: 0, took: ['t3'] }, 'it was believed to wait, and has started')
  waiting.pop()
  reporter.left('t2')
  t.equal(report(1030), undefined, 'what left by order is no news')
  waiting.push(job('t2', 1005, 2))
  reporter.deaf('y')
  t.same(report(1040), { ...x, n: 4, free: 0, tickets: [['t2', 35, 2]], deaf: ['y'] }, 'what has come back is')
  waiting.pop()
  reporter.refused('t2')
  t.same(report(1050), { ...x, n: 5, free: 0, gone: ['t2'] })
  reporter.refused('t2')
  t.equal(report(1060), undefined, 'it was told of')
  free = 1
  t.same(report(1070), { ...x, n: 6, free: 1, gone: ['t2'] }, 'but the message may be lost')
  reporter.deaf('y')
  t.same(report(1075), { ...x, n: 7, free: 1, deaf: ['y'] })
  reporter.makeFull()
  t.same(report(1080), { ...x, n: 8, full: true, free: 1 })
})

t.test('of many requests that wait the first 64 are told of', async t => {
  const reporter = new Reporter('x', () => 0)
  const waiting = Array.from({ length: 66 }, (_, i) => job(`t${i}`, i))
  const report = () => reporter.report({ slots: 1, free: 0, limits: [], waiting, meanMs: 1, rttMs: 1 }, 100)
  t.equal(report()?.tickets?.length, 64)
  t.equal(report(), undefined)
  waiting.shift()
  t.match(report(), { gone: ['t0'], tickets: [['t64', 36, 0]] })
})

t.test('an executor tells of the limits of functions, and of what they keep', async t => {
  const reporter = new Reporter('x', () => 0.5)
  let free = 3
  let room = 2
  const waiting: Reportable[] = []
  const report = () =>
    reporter.report({ slots: 3, free, limits: [['narrow', 2, room]], waiting, meanMs: Infinity, rttMs: 0.2 }, 100)
  t.match(report(), { full: true, limits: [['narrow', 2, 2]] })
  t.equal(report(), undefined)
  reporter.took(job('t1', 0, 0, 'narrow'))
  reporter.took(job('t2'))
  free = 1
  room = 1
  t.equal(report(), undefined, 'what came by order and has started is no news')
  room = 0
  free = 0
  t.match(report(), { limits: [['narrow', 2, 0]], took: ['t1', 't2'] })
  free = 1
  room = 1
  t.match(report(), { free: 1, limits: [['narrow', 2, 1]] })
  room = 2
  t.match(report(), { free: 1, limits: [['narrow', 2, 2]] }, 'the limit alone may be news')
  waiting.push(job('t3', 90, 0, 'narrow'), job('t4', 95))
  t.match(report(), {
    tickets: [
      ['t3', 10, 0, 'narrow'],
      ['t4', 5, 0],
    ],
  })
})

t.test('many that one limit keeps do not hide the others', async t => {
  const reporter = new Reporter('x', () => 0)
  const many = (count: number, functionName: string) =>
    Array.from({ length: count }, (_, i) => job(`${functionName}${i}`, i, 0, functionName))
  const waiting = [...many(100, 'narrow'), ...many(70, 'wide'), ...many(70, 'other')]
  const limits: Limit[] = [['narrow', 1, 0]]
  const tickets = reporter.report({ slots: 3, free: 0, limits, waiting, meanMs: 1, rttMs: 1 }, 100)?.tickets
  t.same(
    tickets?.map(([key]) => key),
    [...many(64, 'narrow'), ...many(64, 'wide')].map(({ ticket }) => ticket),
  )
})

t.test('a transfer has a copy until it is answered, or late', async t => {
  const transfers = new Transfers<string>()
  transfers.rttMs = 10
  transfers.sent('t1', 'first', 'b', 0)
  transfers.sent('t2', 'second', 'c', 100)
  t.equal(transfers.wakeAt, 1040)
  t.equal(transfers.take('t1', 'c'), undefined, 'the answer of another one')
  t.equal(transfers.take('t1', 'b'), 'first')
  t.equal(transfers.take('t1', 'b'), undefined)
  t.same(transfers.takeExpired(1139), [])
  t.match(transfers.takeExpired(1140), [{ ticket: 't2', job: 'second', to: 'c' }])
  t.equal(transfers.size, 0)
  t.equal(transfers.wakeAt, Infinity)
})

t.test('what was passed over, and is moved after all, is nowhere any more', async t => {
  const pool = new Pool()
  const limits = (free: number): Limit[] => [['f', 2, free]]
  pool.report('m', { slots: 0, rttMs: 40 })
  pool.report('near', { free: 1, limits: limits(2) })
  pool.report('a', { meanMs: 33, rttMs: 10, limits: limits(0), tickets: aged(['of f', 50, 0, 'f'], ['any', 40]) })
  pool.now++
  pool.report('far', { slots: 2, free: 2, rttMs: 10, limits: limits(2) })
  t.same(pool.match(), ['a any>far', 'a of f>near'], 'for the far one it does not pay')
  pool.report('near', { free: 1, limits: limits(2) })
  t.same(pool.match(), [])
})
