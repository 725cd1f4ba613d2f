// What is written into a ring comes out as it went in, wherever in its memory it lies.
import * as fc from 'fast-check'
import t from 'tap'
import { INLINE, RingReader, RingWriter, WINDOW, newRing } from '../lib/slots/ring.js'

type Entry = { kind: number; number: number; bytes: Uint8Array }

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ minLength: INLINE - 8, maxLength: INLINE }),
  fc.uint8Array({ maxLength: INLINE }),
)
const entry: fc.Arbitrary<Entry> = fc.record({
  kind: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  number: fc.double(),
  bytes,
})
/** An entry to write, or how many to read. */
const steps = fc.array(fc.oneof({ weight: 3, arbitrary: entry }, fc.integer({ min: 1, max: 50 })), {
  maxLength: 1000,
  size: 'max',
})

function write(writer: RingWriter, { kind, number, bytes: content }: Entry) {
  writer.write(kind, number, '', content)
}

const same = (reader: RingReader, expected: Entry) =>
  reader.kind === expected.kind &&
  Object.is(reader.number, expected.number) &&
  Buffer.compare(reader.copy(), expected.bytes) === 0

t.test('any sequence of writes and reads, also around the end', async t => {
  let wraps = 0
  fc.assert(
    fc.property(steps, fc.integer({ min: 0, max: 400 }), (sequence, before) => {
      const memory = newRing()
      const writer = new RingWriter(memory)
      const reader = new RingReader(memory)
      // To somewhere else in its memory.
      for (let i = 0; i < before; i++) {
        write(writer, { kind: 0, number: i, bytes: new Uint8Array(INLINE - (i % 3)) })
        if (!reader.next()) return false
      }
      const unread: Entry[] = []
      let written = 0
      const read = () => {
        const expected = unread.shift()
        if (!expected) return !reader.next()
        return reader.next() && same(reader, expected)
      }
      for (const step of sequence) {
        if (typeof step === 'number') {
          for (let i = 0; i < step; i++) if (!read()) return false
        } else {
          // WINDOW entries always fit.
          if (unread.length === WINDOW && !read()) return false
          if (!writer.hasRoom) return false
          write(writer, step)
          unread.push(step)
          written += step.bytes.length
        }
      }
      while (unread.length > 0) if (!read()) return false
      if (written + before * INLINE > memory.byteLength) wraps++
      return read() && reader.empty
    }),
    { numRuns: 50 },
  )
  t.ok(wraps > 5, `${wraps} runs went around the end`)
})

t.test('positions wrap at 2^32', async t => {
  const memory = newRing()
  const capacity = memory.byteLength - 8
  new Int32Array(memory, 0, 2).fill((2 ** 32 - capacity) | 0)
  const writer = new RingWriter(memory)
  const reader = new RingReader(memory)
  for (let i = 0; i < 1000; i++) {
    const expected = { kind: i, number: i / 3, bytes: Buffer.from(`${i}`.repeat(i % 200)) }
    if (!writer.hasRoom) t.fail('no room')
    write(writer, expected)
    if (!reader.next() || !same(reader, expected)) t.fail(`entry ${i}`)
  }
  t.ok(new Int32Array(memory, 0, 2)[0]! >= 0, 'it has wrapped')
  t.notOk(reader.next())
})

t.test('a full ring says so, and WINDOW of the longest entries fit', async t => {
  const memory = newRing()
  const writer = new RingWriter(memory)
  const reader = new RingReader(memory)
  let count = 0
  while (writer.hasRoom) write(writer, { kind: count, number: count++, bytes: Buffer.alloc(INLINE, count) })
  t.ok(count >= WINDOW, `${count}`)
  for (let i = 0; i < count; i++)
    if (!reader.next() || reader.number !== i || reader.copy()[0] !== ((i + 1) & 255)) t.fail(`entry ${i}`)
  t.notOk(reader.next())
  t.ok(writer.hasRoom)
})

t.test('text, a prefix and what follows it', async t => {
  const memory = newRing()
  const writer = new RingWriter(memory)
  const reader = new RingReader(memory)
  writer.write(0, 3, 'abcträge')
  t.ok(reader.next())
  t.equal(reader.prefix(3), 'abc')
  t.equal(reader.text(3), 'träge')
  t.equal(reader.text(), 'abcträge')
})

t.test('text with bytes behind it, and text that is too long', async t => {
  const memory = newRing()
  const writer = new RingWriter(memory)
  const reader = new RingReader(memory)
  writer.write(0, 1, 'id', Buffer.from('body'))
  writer.write(0, 2, 'ä'.repeat(INLINE))
  t.ok(reader.next())
  t.equal(reader.text(), 'idbody')
  t.ok(reader.next())
  t.equal(reader.text(), 'ä'.repeat(INLINE / 2))
  t.notOk(reader.next())
})
