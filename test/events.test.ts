// Each computation is told of once when it starts and once when it is answered, however short it is.
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(t)

for (const concurrency of [1, 3])
  t.test(`many short ones, and some behind a long one, with a concurrency of ${concurrency}`, async t => {
    const subject = `acts${concurrency}`
    const executor = await startExecutor(t, server, { service: subject, concurrency })
    const client = newClient(t, server, { service: subject })
    const events = new Map<string, string[]>()
    const note = (event: string) => (details: { requestId: string }) =>
      events.set(details.requestId, [...(events.get(details.requestId) ?? []), event])
    executor.on('started', note('started'))
    executor.on('completed', note('completed'))

    const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => client.request(['echo', i])))
    const gate = new Gate(t)
    const long = Array.from({ length: concurrency }, () => client.request(['gate', gate.name]))
    await gate.heard('here', concurrency)
    const behind = Array.from({ length: 5 }, (_, i) => client.request(['echo', i]))
    gate.open()
    replies.push(...(await Promise.all([...long, ...behind])))

    const told = replies.map(({ requestId }) => events.get(requestId))
    t.strictSame(
      told.filter(found => found?.join() !== 'started,completed'),
      [],
    )
    t.equal(events.size, replies.length)
  })
