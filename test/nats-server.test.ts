// What a nats-server writes is read for as long as it runs: one whose log nobody takes stands still.
import { chmodSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { startNatsServer } from '../cmd/nats-server.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

/** Longer than it may take to start. */
const LATER_MS = 10_500

t.jobs = 2

t.test('its log is read after the start, too', async t => {
  const server = await startServer(t, 'trace: true')
  const nc = await connectTo(t, server)
  await sleep(LATER_MS)
  for (let i = 0; i < 20_000; i++) nc.publish('anything', 'x'.repeat(100))
  await nc.flush()
})

t.test('one that says nothing is given up, also where garbage is collected meanwhile', async t => {
  const file = `${t.testdir({ silent: '#!/bin/sh\nexec sleep 300\n' })}/silent`
  chmodSync(file, 0o755)
  setFlagsFromString('--expose-gc')
  const collecting = setInterval(runInNewContext('gc'), 1000)
  const before = process.env['NATS_SERVER']
  process.env['NATS_SERVER'] = file
  const start = startNatsServer()
  if (before === undefined) delete process.env['NATS_SERVER']
  else process.env['NATS_SERVER'] = before
  await t.rejects(start, { message: /silent does not start: it says nothing$/ })
  clearInterval(collecting)
})
