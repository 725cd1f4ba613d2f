// What nobody waits for any more is not computed on.
import { headers } from 'nats'
import t from 'tap'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
await startExecutor(t, server)
const nc = await connectTo(t, server)

async function ask(body: string, timeoutMs: string) {
  const head = headers()
  head.set('Timeout-Ms', timeoutMs)
  const reply = await nc.request('acts', body, { headers: head, timeout: 20_000 })
  return { code: reply.headers?.get('Nats-Service-Error-Code'), text: reply.headers?.get('Nats-Service-Error') }
}

t.test('a computation ends at its deadline, and the next one starts', async t => {
  const [first, second] = await Promise.all([
    ask('["loop"]', '200'),
    nc.request('acts', '["echo","next"]', { timeout: 20_000 }),
  ])
  t.match(first, { code: '408', text: 'the deadline passed while computing' })
  t.equal(second.json(), 'next')
})

t.test('a deadline with as many decimals as a double is printed with', async t => {
  // Python: (deadline - time.monotonic()) * 1000
  t.strictSame(await ask('["echo",1]', '4999.997854232788'), { code: '', text: '' })
})

t.test('a request that waits ends at its deadline, before the computation that it waits for', async t => {
  const ended: string[] = []
  const [, waiting] = await Promise.all([
    ask('["loop"]', '1500').then(() => ended.push('running')),
    ask('["echo"]', '50').then(answer => (ended.push('waiting'), answer)),
  ])
  t.match(waiting, { code: '408', text: 'the deadline passed before computing' })
  t.strictSame(ended, ['waiting', 'running'])
})

t.test("the client's timeout travels: the thread is free again after it", async t => {
  const client = newClient(t, server)
  t.match(await rejection(client.call(['loop'], { timeout: 300 })), { code: 408 })
  t.equal(await client.call(['echo', 'free']), 'free')
})
