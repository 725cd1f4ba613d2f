// The indexed heap has always the same first one as a plain list, whatever comes, leaves and changes its order.
import * as fc from 'fast-check'
import t from 'tap'
import { IndexedHeap } from '../lib/indexed-heap.js'

const NAMES = [...'abcdefghijkl']
const step = fc.record({
  name: fc.constantFrom(...NAMES),
  order: fc.integer({ min: 0, max: 9 }),
  isLeaving: fc.boolean(),
})

t.test('the first one is the first of all', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const orders = new Map<string, number>()
      const heap = new IndexedHeap<string>((a, b) => orders.get(a)! < orders.get(b)!)
      for (const { name, order, isLeaving } of steps) {
        const wasIn = orders.has(name)
        if (isLeaving) {
          if (heap.delete(name) !== wasIn) return false
          orders.delete(name)
        } else {
          orders.set(name, order)
          heap.put(name)
        }
        const first = heap.first
        const isRight = first === undefined ? orders.size === 0 : orders.get(first) === Math.min(...orders.values())
        if (!isRight || heap.size !== orders.size) return false
      }
      // Taken out one by one, they come in order.
      let last = -1
      for (let first = heap.first; first !== undefined; first = heap.first) {
        if (orders.get(first)! < last) return false
        last = orders.get(first)!
        heap.delete(first)
      }
      return heap.size === 0
    }),
    { numRuns: 500 },
  )
})
