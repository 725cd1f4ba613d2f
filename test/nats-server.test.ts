// What a nats-server writes is read for as long as it runs: one whose log nobody takes stands still.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connectTo, startServer } from './fixtures/nats-server.js'

/** Longer than it may take to start. */
const LATER_MS = 10_500

t.test('its log is read after the start, too', async t => {
  const server = await startServer(t, 'trace: true')
  const nc = await connectTo(t, server)
  await sleep(LATER_MS)
  for (let i = 0; i < 20_000; i++) nc.publish('anything', 'x'.repeat(100))
  await nc.flush()
})
