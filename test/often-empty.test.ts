// A map and a set that get a new table when they are empty: they behave as Map and Set, also while somebody goes through them.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { OftenEmptyMap, OftenEmptySet } from '../lib/often-empty.js'

t.test('100,000 random steps', async t => {
  const random = seededRandom(1)
  const integer = (below: number) => Math.floor(random() * below)
  const [map, set] = [new OftenEmptyMap<number, number>(), new OftenEmptySet<number>()]
  const [plainMap, plainSet] = [new Map<number, number>(), new Set<number>()]
  let wasEmpty = 0
  for (let step = 0; step < 100_000; step++) {
    const key = integer(4)
    const kind = integer(20)
    if (kind === 0) for (const each of [map, set, plainMap, plainSet]) each.clear()
    else if (kind < 12) for (const each of [map, set, plainMap, plainSet]) each.delete(key)
    else {
      for (const each of [map, plainMap]) each.set(key, step)
      for (const each of [set, plainSet]) each.add(key)
    }
    if (plainSet.size === 0) wasEmpty++
    const isSame =
      map.size === plainMap.size &&
      set.size === plainSet.size &&
      map.has(key) === plainMap.has(key) &&
      map.get(key) === plainMap.get(key) &&
      String([...map]) === String([...plainMap]) &&
      String([...set]) === String([...plainSet])
    if (!isSame) return t.fail(`step ${step}: ${[...map]} and ${[...set]}`)
  }
  t.ok(wasEmpty > 10_000, `${wasEmpty} times empty`)
})

t.test('what is deleted while somebody goes through it is not seen', async t => {
  const set = new OftenEmptySet<string>()
  const map = new OftenEmptyMap<string, number>()
  for (const name of ['first', 'second', 'last']) {
    set.add(name)
    map.set(name, 1)
  }
  const seen: string[] = []
  for (const name of set) {
    seen.push(name)
    for (const other of ['first', 'second', 'last']) set.delete(other)
  }
  for (const [name] of map) {
    seen.push(name)
    for (const other of ['last', 'first', 'second']) map.delete(other)
  }
  t.strictSame(seen, ['first', 'first'])
  t.equal(set.size + map.size, 0)
  set.add('one')
  set.add('other')
  for (const name of set) {
    seen.push(name)
    set.clear()
  }
  t.strictSame(seen, ['first', 'first', 'one'])
})
