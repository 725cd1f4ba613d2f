// A line that loses all packets, for many times as long as a dial takes, leaves one connection behind, which stays.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startLink } from './fixtures/link.js'
import { startServer } from './fixtures/nats-server.js'
import { openOwned } from './fixtures/owned-connection.js'

// The server drops soon who has connected and says nothing.
const CONFIG = 'authorization: { timeout: 1 }'

t.test('an outage', async t => {
  const server = await startServer(t, CONFIG)
  const link = await startLink(t, server.port)
  const owned = await Promise.all(Array.from({ length: 3 }, () => openOwned(t, link.url, { timeout: 300 })))
  link.cut()
  for (const connection of owned) await connection.heard(false)
  const before = link.count
  while (link.count < before + 18) await sleep(20)
  link.mend()
  for (const connection of owned) await connection.heard(true)
  for (let i = 0; i < 20; i++) {
    await sleep(150)
    const names = await server.connections()
    t.strictSame(names.filter(Boolean), ['owned', 'owned', 'owned'])
    // An end of what was given up comes a little later than its beginning.
    if (i > 0) t.equal(names.length, 3)
  }
  for (const { told } of owned)
    t.strictSame(
      told.map(({ isUp }) => isUp),
      [false, true],
    )
})

t.test('what was sent while the line was dead does not arrive later', async t => {
  const server = await startServer(t)
  const link = await startLink(t, server.port)
  const [owned, other] = [await openOwned(t, link.url), await openOwned(t, server.url)]
  const heard: string[] = []
  other.nc.subscribe('words', { callback: (_, message) => void heard.push(message.string()) })
  await other.nc.flush()
  owned.nc.publish('words', 'before')
  await owned.nc.flush()
  link.cutTowards('client')
  await owned.heard(false)
  link.mend()
  await owned.heard(true)
  owned.nc.publish('words', 'after')
  await owned.nc.flush()
  await other.nc.flush()
  t.strictSame(heard, ['before', 'after'])
})

t.test('a server that is silent holds up the next one for 2 s at most', async t => {
  const servers = [await startServer(t), await startServer(t), await startServer(t)]
  const links = [await startLink(t, servers[0]!.port), await startLink(t, servers[1]!.port)]
  const owned = await openOwned(t, [...links.map(({ url }) => url), servers[2]!.url])
  t.equal(owned.port, links[0]!.port)
  for (const link of links) link.cut()
  const lost = await owned.heard(false)
  const back = await owned.heard(true)
  t.ok(back - lost < 4000, `${back - lost} ms`)
  t.equal(owned.port, servers[2]!.port)
})

t.test('a server that was not there at first is tried later', async t => {
  const servers = [await startServer(t), await startServer(t)]
  await servers[0]!.kill()
  const owned = await openOwned(
    t,
    servers.map(({ url }) => url),
  )
  t.equal(owned.port, servers[1]!.port)
  await servers[0]!.start()
  await servers[1]!.kill()
  await owned.heard(true)
  t.equal(owned.port, servers[0]!.port)
})

t.test('a server with two names is dialled last under both', async t => {
  const servers = [await startServer(t), await startServer(t)]
  const link = await startLink(t, servers[0]!.port)
  const owned = await openOwned(t, [`localhost:${link.port}`, link.url, servers[1]!.url])
  const before = link.count
  link.cut()
  const lost = await owned.heard(false)
  t.ok((await owned.heard(true)) - lost < 1500)
  t.equal(owned.port, servers[1]!.port)
  t.equal(link.count, before)
})
