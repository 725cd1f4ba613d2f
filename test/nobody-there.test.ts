// Who is missing, when the timeout passes and nobody was there.
import t from 'tap'
import { newClient, rejection } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const nc = await connectTo(t, server)

t.test('no executor', async t => {
  const error = await rejection(newClient(t, server).call(1, { timeout: 300 }))
  t.match(error, { name: 'NoExecutorsError', code: 503, message: 'no executor on acts', requestId: /^[\w-]+$/ })
})

t.test('no executor, with a timeout shorter than a look', async t => {
  const client = newClient(t, server)
  await rejection(client.call(1, { timeout: 300 }))
  t.match(await rejection(client.call(1, { timeout: 20 })), { name: 'NoExecutorsError' })
})

t.test('an executor that does not answer', async t => {
  nc.subscribe('silent')
  await nc.flush()
  const error = await rejection(newClient(t, server, { service: 'silent' }).call(1, { timeout: 400, retries: 0 }))
  t.match(error, { name: /^(TimeoutError|RequestLostError)$/ })
})

t.test('no server', async t => {
  const gone = await startServer(t)
  await gone.kill()
  const client = newClient(t, gone, { timeout: 300 })
  const errors = await Promise.all([rejection(client.call(1)), rejection(client.call(2))])
  for (const error of errors)
    t.match(error, { name: 'NoExecutorsError', code: 503, message: `no nats-server at ${gone.url}` })
})
