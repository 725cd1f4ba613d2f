// When the process of a slot must look for words that take requests back: before the next request, whenever the executor may have taken
// the one before for a long computation.
import t from 'tap'
import { GARBAGE, LONG_MS } from '../lib/slots/frames.js'
import { Queue } from '../lib/slots/process/queue.js'

function queueOf(...numbers: number[]) {
  const queue = new Queue()
  for (const number of numbers) queue.push({ ...GARBAGE, number, time: 0 })
  return queue
}

for (const [how, ms, looks] of [
  ['short', LONG_MS / 2, 0],
  ['long', LONG_MS, 1],
] as const) {
  t.test(`after a ${how} computation`, async t => {
    const queue = queueOf(1, 2)
    let looked = 0
    const begun = queue.begunAt(queue.next(() => looked++)!)
    queue.sent(begun, begun + ms, begun + ms)
    t.equal(queue.next(() => looked++)?.number, 2)
    t.equal(looked, looks)
  })

  t.test(`after one that has not started, which was here for a ${how} time`, async t => {
    const queue = queueOf(1, 2, 3, 4)
    let looked = 0
    const end = (number: number, at: number) => queue.sent(queue.begunAt(queue.take(number)!), at, at)
    end(1, ms)
    // It is looked for as long as what is found ends such a one.
    const look = () => ++looked === 1 && end(2, 2 * ms)
    t.equal(queue.next(look)?.number, looks === 0 ? 2 : 3)
    t.equal(looked, 2 * looks)
    t.equal(queue.take(9), undefined)
  })
}
