// A server of three that dies, in whatever way, is left for another one within seconds.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { pingParts } from '../lib/nats/nats-internals.js'
import { rttOf } from '../lib/nats/pings.js'
import { startCluster } from './fixtures/cluster.js'
import { fixture } from './fixtures/library.js'
import { startLink } from './fixtures/link.js'
import { startServer } from './fixtures/nats-server.js'
import { type OwnedConnection, openOwned } from './fixtures/owned-connection.js'

const CERT = fileURLToPath(fixture('tls/cert.pem'))
const KEY = fileURLToPath(fixture('tls/key.pem'))

/** Silence is noticed after 3 to 5 s; the machine may be busy. */
const MOST_MS = 8000

function publish(t: Test, { nc }: OwnedConnection, times: number, body: string) {
  const timer = setInterval(() => nc.publish('somewhere', body), 1000 / times)
  t.teardown(() => clearInterval(timer))
}

const ways = ['SIGSTOP', 'SIGKILL', 'cut'] as const
for (const way of ways)
  t.test(way, async t => {
    const cluster = await startCluster(t, { hasLinks: true })
    const [dead, link] = [cluster.servers[0]!, cluster.links[0]!]
    // The others it hears of from the server.
    const all = await Promise.all(Array.from({ length: 4 }, () => openOwned(t, link.url)))
    const [, slow, fast, large] = all as [OwnedConnection, OwnedConnection, OwnedConnection, OwnedConnection]
    publish(t, slow, 1, 'x')
    publish(t, fast, 16, 'x')
    publish(t, large, 16, 'x'.repeat(1_000_000))
    await sleep(1500)
    const from = performance.now()
    if (way === 'cut') for (const line of cluster.linesOf(0)) line.cut()
    else if (way === 'SIGKILL') await dead.kill()
    else dead.signal(way)
    for (const connection of all) {
      const [lost, back] = [await connection.heard(false), await connection.heard(true)]
      t.ok(back - from < MOST_MS, `${Math.round(lost - from)} ms, ${Math.round(back - from)} ms`)
      t.not(connection.port, link.port)
      await connection.nc.flush()
    }
    if (way === 'SIGSTOP') dead.signal('SIGCONT')
    for (const line of cluster.linesOf(0)) line.mend()
    if (way !== 'SIGKILL') await cluster.formed()
    await sleep(500)
    for (const { told } of all) t.equal(told.length, 2, 'they stay there')
    const left = cluster.servers.slice(way === 'SIGKILL' ? 1 : 0)
    const names = (await Promise.all(left.map(server => server.connections()))).flat()
    t.strictSame(names, ['owned', 'owned', 'owned', 'owned'])
  })

for (const [end, kind] of [
  ['server', 'plain'],
  ['client', 'TLS'],
  ['client', 'TLS first'],
] as const)
  t.test(`a line that carries nothing to the ${end}, ${kind}`, async t => {
    const isFirst = kind === 'TLS first'
    const tls = `tls { cert_file: "${CERT}", key_file: "${KEY}"${isFirst ? ', handshake_first: true' : ''} }`
    const server = await startServer(t, kind === 'plain' ? '' : tls).catch(() => undefined)
    if (!server) return t.pass('a nats-server before 2.10 knows no TLS first')
    const link = await startLink(t, server.port)
    const url = `localhost:${link.port}`
    const options = { tls: { ca: readFileSync(CERT, 'utf8'), ...(isFirst && { handshakeFirst: true }) } }
    const owned = await (kind === 'plain' ? openOwned(t, url) : openOwned(t, `tls://${url}`, options))
    // Of a healthy one nothing is told.
    await sleep(5000)
    t.strictSame(owned.told, [])
    t.ok(rttOf(owned.nc) > 0)
    link.cutTowards(end)
    const from = performance.now()
    t.ok((await owned.heard(false)) - from < MOST_MS)
    link.mend()
    await owned.heard(true)
    await owned.nc.flush()
    t.strictSame(await server.connections(), ['owned'])
  })

t.test('a loss is told before anything more is published', async t => {
  const server = await startServer(t)
  const { nc, told } = await openOwned(t, server.url)
  const socket = pingParts(nc)!.transport.socket!
  const destroy = socket.resetAndDestroy.bind(socket)
  const wasTold = new Promise(resolve => {
    socket.resetAndDestroy = () => {
      queueMicrotask(() => resolve(told.map(({ isUp }) => isUp)))
      return destroy()
    }
  })
  server.signal('SIGSTOP')
  t.teardown(() => server.signal('SIGCONT'))
  t.strictSame(await wasTold, [false])
})
