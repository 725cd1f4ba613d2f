// A request that was given away, and for which there is no room when it is sent back, is not forgotten.
import { headers } from 'nats'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const as = (Dispatch: string) => withHeaders({ Dispatch })

function withHeaders(lines: Record<string, string>) {
  const all = headers()
  for (const [name, value] of Object.entries(lines)) all.set(name, value)
  return { headers: all, timeout: 10_000 }
}

for (const id of ['q', '__proto__'])
  t.test(`who has ${id} is told`, async t => {
    const server = await startServer(t)
    const executor = await startExecutor(t, server, { backlog: 1 })
    const nc = await connectTo(t, server)
    const gate = new Gate(t)
    const send = (what: unknown[], lines = {}) =>
      nc.publish('acts', JSON.stringify(what), { reply: '_INBOX.nobody.1', ...withHeaders(lines) })
    const ask = async () => {
      const question = JSON.stringify({ key: 'k', ids: [id] })
      return (await nc.request(`_EXEC.hold.acts.${executor.id}`, question, { timeout: 10_000 })).json<any>()
    }

    // This is the matchmaker, and another executor.
    const reports = nc.subscribe('_EXEC.match.executors.acts')
    const transfers = nc.subscribe('_EXEC.peer.executors.acts.other')
    nc.publish('_EXEC.pool.executors.acts', '{"id":"-"}', as('beacon'))
    send(['gate', gate.name])
    await gate.heard('here')
    send(['echo', 1], { 'Request-Id': id, 'Request-Key': 'k', Notices: '1' })
    let ticket: string | undefined
    for await (const report of reports)
      if ((ticket = report.data.length > 0 && report.json<any>().tickets?.[0]?.[0])) break
    const peer = `_EXEC.peer.executors.acts.${executor.id}`
    nc.publish(peer, JSON.stringify({ give: [[ticket, 'other']] }), as('order'))
    for await (const transfer of transfers) {
      transfer.respond('', as('taken'))
      t.strictSame((await ask()).moved, Object.fromEntries([[id, 'other']]))
      send(['echo', 2])
      while ((await statistics(nc)).backlog !== 1);
      const answer = await nc.request(peer, transfer.data, { headers: transfer.headers!, timeout: 10_000 })
      t.equal(answer.headers?.get('Dispatch'), 'refused')
      t.strictSame((await ask()).moved, Object.fromEntries([[id, 'other']]))
      break
    }
    gate.open()
  })
