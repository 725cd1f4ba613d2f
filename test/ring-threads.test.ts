// Two threads and two rings: nothing is lost, torn or out of order.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { INLINE, RingReader, RingWriter, newRing } from '../lib/slots/ring.js'

const ENTRIES = 30_000

t.test('a thread sends everything back', async t => {
  const there = newRing()
  const back = newRing()
  const worker = new Worker(new URL('fixtures/ring-echo.mjs', import.meta.url), {
    workerData: { there, back },
    execArgv: [],
  })
  t.teardown(() => worker.terminate())
  await once(worker, 'online')
  const writer = new RingWriter(there)
  const reader = new RingReader(back)
  const length = (i: number) => (i * 7919) % (INLINE + 1)
  let sent = 0
  let received = 0
  while (received < ENTRIES) {
    while (sent < ENTRIES && writer.hasRoom) {
      const i = sent++
      writer.write(i === ENTRIES - 1 ? -1 : i % 5, i / 7, '', new Uint8Array(length(i)).fill(i & 255))
    }
    while (reader.next()) {
      const i = received++
      const bytes = reader.copy()
      const isSame =
        reader.number === i / 7 &&
        reader.kind === (i === ENTRIES - 1 ? -1 : i % 5) &&
        bytes.length === length(i) &&
        bytes.every(byte => byte === (i & 255))
      if (!isSame) t.fail(`entry ${i}`)
    }
    // The other thread may have no core: let it have this one.
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal(received, ENTRIES)
  t.ok(reader.empty)
})
