// A JetStream stream that captures the subject answers each request with its acknowledgement, which is no reply.
import t from 'tap'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

for (const subjects of [['acts'], ['acts', '_EXEC.>']])
  t.test(`a stream over ${subjects}`, async t => {
    const server = await startServer(t, `jetstream { store_dir: "${t.testdir({ store: {} })}/store" }`)
    const nc = await connectTo(t, server)
    const jsm = await nc.jetstreamManager()
    await jsm.streams.add({ name: 'all', subjects, no_ack: false })
    const client = newClient(t, server)
    const found = await rejection(client.call(['echo', 1], { timeout: 500 }))
    t.match(found, { name: 'TimeoutError', message: /does a stream capture the subject\?: "\{\\"stream\\":\\"all\\"/ })
    const early = client.call(['echo', 'early'], { timeout: 20_000 })
    await startExecutor(t, server)
    t.equal(await early, 'early', 'it is sent again until an executor is there')
    t.equal(await client.call(['echo', 2]), 2)
    t.equal(await client.call(['sleep', 700]), 700, 'the stream does not hold a request')
    const outcomes = []
    for await (const { result } of client.map([['echo', 1], ['echo', 2], ['echo', 3]])) outcomes.push(result) // prettier-ignore
    t.strictSame(outcomes, [1, 2, 3])
  })
