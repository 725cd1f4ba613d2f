// What waits does not keep the whole packet in memory that it came in, which may be sixty times as large.
import t from 'tap'
import { fixture } from './fixtures/library.js'

const { Pool } = await import(new URL('../dist/lib/pool.js', import.meta.url).href)

t.test('a request in the backlog has a copy of its body alone', async t => {
  const nothing = () => {}
  const owner = { ended: nothing, started: nothing, saturated: nothing, turnedLong: nothing, stuck: nothing }
  const limits = { concurrency: 1, memoryLimit: 64, timeLimit: 1000, backlog: 10 }
  const module = fixture('acts.mjs').href
  const pool = new Pool({ module, ...limits }, { ...owner, moved: nothing, notice: nothing, unloadable: nothing })
  t.teardown(() => pool.close())
  // As nats.js gives it: a part of what the socket has read.
  const packet = Buffer.alloc(65_536, ' ')
  const body = packet.subarray(100, 100 + packet.write('["echo",1]', 100))
  t.ok(pool.add({ id: '1', named: true, replyTo: ['inbox'], body, deadline: Infinity, since: 0, arrived: 0 }))
  const { body: kept } = pool.take()
  t.equal(Buffer.from(kept).toString(), '["echo",1]')
  t.equal(kept.buffer.byteLength, kept.byteLength)
})
