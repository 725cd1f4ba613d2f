// What is larger than the server's max_payload is an error, and stops nobody.
import { once } from 'node:events'
import t from 'tap'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t, 'max_payload: 20000')
const executor = await startExecutor(t, server)
const client = newClient(t, server)

t.test('a result', async t => {
  const error = await rejection(client.call(['text', 30_000]))
  t.match(error, { name: 'TooLargeError', code: 413, executorId: executor.id })
  t.match(error.message, /result has 30002 bytes .* max_payload is 20000/)
})

t.test('a result that is as large as max_payload alone: its headers do not fit', async t => {
  t.match(await rejection(client.call(['text', 19_998])), { name: 'TooLargeError' })
})

t.test('an argument is not even sent', async t => {
  const error = await rejection(client.call(['echo', 'x'.repeat(30_000)]))
  t.match(error, { name: 'TooLargeError', code: 413, executorId: undefined })
  t.match(error.message, /argument .* max_payload/)
})

t.test('an argument that would fit alone: its headers do not', async t => {
  const error = await rejection(client.call(['echo', 'x'.repeat(19_980)]))
  t.match(error, { name: 'TooLargeError', code: 413, executorId: undefined })
  t.match(error.message, /argument has 19991 bytes, too many with the headers .* max_payload is 20000/)
})

t.test('it is counted as an error', async t => {
  const nc = await connectTo(t, server)
  const [endpoint] = (await nc.request('$SRV.STATS')).json<any>().endpoints
  t.match(endpoint, { num_requests: 2, num_errors: 2, last_error: '413: TooLargeError' })
})

t.test('and the next one is answered', async t => {
  t.equal(await client.call<string>(['text', 10_000]), 'x'.repeat(10_000))
})

t.test('a result that was there before the server took less', async t => {
  const folder = t.testdir({
    'slow.mjs': `import { setTimeout } from 'node:timers/promises'
      export default length => setTimeout(500, 'x'.repeat(length))`,
    'less.conf': 'max_payload: 20000',
  })
  const server = await startServer(t)
  const executor = await startExecutor(t, server, { module: `${folder}/slow.mjs` })
  const client = newClient(t, server, { timeout: 15_000 })
  const call = rejection(client.call(30_000))
  await once(executor, 'started')
  await server.kill()
  await once(executor, 'completed')
  server.args.push('-c', `${folder}/less.conf`)
  await server.start()
  const error = await call
  t.match(error, { name: 'TooLargeError', code: 413, executorId: executor.id })
  t.match(error.message, /result has 30002 bytes .* max_payload is 20000/)
})
