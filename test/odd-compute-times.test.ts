// How long a computation took is what a stranger says; whatever it is, a map goes on.
import { headers } from 'nats'
import t from 'tap'
import { Header } from '../lib/protocol/headers.js'
import { newClient } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const nc = await connectTo(t, server)
const client = newClient(t, server, { service: 'odd' })
let computeMs = ''
nc.subscribe('odd', {
  callback: (_, message) => {
    const head = headers()
    head.set(Header.requestId, message.headers!.get(Header.requestId))
    head.set(Header.computeMs, computeMs)
    const argument = message.json()
    message.respond(JSON.stringify(Array.isArray(argument) ? { results: argument } : argument), { headers: head })
  },
})
await nc.flush()

for (const [text, known] of [
  ['Infinity', undefined],
  ['-Infinity', undefined],
  ['1e999', undefined],
  ['-5', undefined],
  ['long', undefined],
  ['1e308', 1e308],
  ['0.5', 0.5],
] as const)
  t.test(`Compute-Ms: ${text}`, async t => {
    computeMs = text
    t.equal((await client.request(1)).computeMs, known)
    let count = 0
    for await (const { result } of client.map(Array.from({ length: 50 }, (_, i) => i))) if (result === count) count++
    t.equal(count, 50)
  })
