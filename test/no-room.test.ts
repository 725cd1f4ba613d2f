// A server that is there, and takes no connection more.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { newClient, newExecutor, rejection } from './fixtures/library.js'
import { Server, connectTo, startServer } from './fixtures/nats-server.js'
import { INFO, startPeer } from './fixtures/peer.js'
import { run } from './fixtures/processes.js'

/** For one dial: a new one is tried sooner. */
const timeout = 500

t.test('all of its connections are taken: who comes says so, and waits', async t => {
  const server = await startServer(t, 'max_connections: 2')
  const taken = [await connectTo(t, server), await connectTo(t, server)]
  const text = `the nats-server at ${server.url} takes no connection: `
  const connection = { servers: server.url, timeout }

  const executor = newExecutor(t, server, { connection })
  const warned = once(executor, 'warning')
  const starting = executor.start()
  t.match(String(await warned), text)

  const another = newClient(t, server, { connection })
  t.match(await rejection(another.call(1, { timeout: 700 })), { name: 'NoExecutorsError', message: text })
  await another.close()
  const client = newClient(t, server, { connection })
  const call = client.call(['echo', 1])
  while (!client.missing?.includes('takes no connection')) await sleep(5)

  const status = run(t, 'status', ['--servers', server.url])
  t.equal(await status.exit, 3)
  t.match(status.stderr, [new RegExp(`^status: ${text}`)])

  for (const nc of taken) await nc.close()
  await starting
  t.equal(await call, 1)
})

t.test('what is said after the credentials, and in two pieces', async t => {
  const peer = await startPeer(t, socket => {
    socket.write(INFO)
    socket.once('data', () => {
      socket.write("-ERR 'maximum account ")
      setTimeout(() => socket.end("active connections exceeded'\r\n"), 30)
    })
  })
  const command = run(t, 'client', ['--servers', peer.url, '--timeout', '3', '30'])
  t.equal(await command.exit, 3)
  const line = `the nats-server at ${peer.url} takes no connection: maximum account active connections exceeded`
  t.strictSame(command.stderr.slice(1), [` [x] Waiting: ${line}`, `client: ${line}`])
})

t.test('a server that closes before it has said why', async t => {
  const peer = await startPeer(t, socket => {
    socket.write(INFO)
    socket.once('data', () => socket.resetAndDestroy())
  })
  await isWaiting(t, peer.url, 'it closes the connection')
})

t.test('a server that closes in order, and says nothing, as where TLS has hidden it', async t => {
  const peer = await startPeer(t, socket => {
    socket.write(INFO)
    socket.once('data', () => socket.end())
  })
  await isWaiting(t, peer.url, 'it closes the connection')
})

t.test('a server of TLS says it before TLS begins', async t => {
  const greeting = INFO.replace('}', ',"tls_required":true}')
  const text = "-ERR 'maximum connections exceeded'\r\n"
  const early = await startPeer(t, socket => socket.end(greeting + text))
  await isWaiting(t, early.url.replace('nats:', 'tls:'), 'maximum connections exceeded')
  const late = await startPeer(t, socket => {
    socket.write(greeting)
    socket.once('data', () => socket.end(text))
  })
  await isWaiting(t, late.url.replace('nats:', 'tls:'), 'it closes the connection')
})

t.test('a server that comes back with less room', async t => {
  const dir = t.testdir({ 'nats.conf': '' })
  const server = new Server(['-c', `${dir}/nats.conf`])
  t.teardown(() => server.kill())
  await server.start()
  const clients = [1, 2].map(() => newClient(t, server))
  const calls = clients.map(client => rejection(client.call(1)))
  const missing = () => clients.map(client => client.missing ?? '').toSorted()
  while (!missing().every(each => each.startsWith('no executor'))) await sleep(5)
  await server.kill()
  writeFileSync(`${dir}/nats.conf`, 'max_connections: 1')
  await server.start()
  const text = `the nats-server at ${server.url} takes no connection: maximum connections exceeded`
  while (missing().join() !== `no executor on ${clients[0]!.service},${text}`) await sleep(5)
  for (const client of clients) await client.close()
  await Promise.all(calls)
})

/** A client says why, and goes on trying. */
async function isWaiting(t: Test, servers: string, why: string) {
  const client = newClient(t, { url: servers } as Server, { connection: { servers, timeout: 3000 } })
  const call = rejection(client.call(1))
  const over = call.then(() => true)
  while (client.missing !== `the nats-server at ${servers} takes no connection: ${why}`)
    if (await Promise.race([over, sleep(5, false)])) break
  await client.close()
  t.match(await call, { name: 'CancelledError' })
}
