// A listener that throws is its owner's affair: what was asked is answered, and the next request, too.
import type { ExecutorEvents } from 'nats-executor'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const EVENTS: (keyof ExecutorEvents)[] = ['ready', 'started', 'completed', 'failed', 'output', 'stopping', 'warning']
const THROWN = [new Error('on purpose'), null, undefined, 7, Object.create(null), Symbol('on purpose')]

t.test('every event, whatever is thrown', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const warnings: Error[] = []
  const note = (warning: Error) => void warnings.push(warning)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  const executor = newExecutor(t, server)
  const heard = new Map<string, number>()
  let throws = 0
  for (const event of EVENTS)
    executor.on(event, () => {
      heard.set(event, (heard.get(event) ?? 0) + 1)
      throw THROWN[throws++ % THROWN.length]
    })
  const ask = async (act: unknown) => (await nc.request('acts', JSON.stringify(act), { timeout: 10_000 })).string()
  await executor.start()
  // The executor warns of it.
  nc.publish('acts', 'without a reply subject')
  for (let i = 0; i < THROWN.length; i++) {
    t.equal(await ask(['prints', `line ${i}`]), 'null')
    t.match(await ask(['throws', 'a failure']), /"message":"a failure"/)
    t.equal(await ask(['echo', i]), String(i))
  }
  const gate = new Gate(t)
  const running = ask(['gate', gate.name])
  await gate.heard('here')
  const stopping = executor.stop()
  gate.open()
  t.equal(await running, '"go"')
  await stopping
  t.equal(await executor.closed, undefined)
  t.strictSame([...heard.keys()].toSorted(), EVENTS.toSorted(), 'all were told')
  while (warnings.length < throws) await new Promise(setImmediate)
  t.equal(warnings.length, throws, 'and each throw is told of')
})
