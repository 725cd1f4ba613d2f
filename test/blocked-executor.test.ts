// An executor that had no time to read for a while takes what lies before it, before it counts silence.
import { headers } from 'nats'
import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { rawConnection } from './fixtures/raw-connection.js'

/** Without taking the processor from the server. */
const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)

const as = (Dispatch: string) => withHeaders({ Dispatch })

function withHeaders(lines: Record<string, string>) {
  const all = headers()
  for (const [name, value] of Object.entries(lines)) all.set(name, value)
  return { headers: all }
}

for (const [end, backlog, transferred] of [
  ['taken', 0, 1],
  ['refused', 1, 0],
] as const)
  for (const [kind, lines] of [
    ['plain', {}],
    ['watched', { 'Request-Id': 'q', 'Request-Key': 'k', Notices: '1' }],
  ] as const)
    t.test(`a ${kind} request that another one has ${end} meanwhile`, async t => {
      const server = await startServer(t)
      const executor = await startExecutor(t, server)
      const nc = await connectTo(t, server)
      const raw = await rawConnection(t, server)
      const gate = new Gate(t)
      const send = (what: unknown[], lines = {}) =>
        nc.publish('acts', JSON.stringify(what), { reply: '_INBOX.nobody.1', ...withHeaders(lines) })
      // This is the matchmaker, and another executor.
      const reports = nc.subscribe('_EXEC.match.executors.acts')
      const given = new Promise<void>(resolve => {
        nc.subscribe('_EXEC.peer.executors.acts.other', {
          callback(_, { reply }) {
            raw.publish(reply!, '', `NATS/1.0\r\nDispatch: ${end}`, '')
            block()
            resolve()
          },
        })
      })
      nc.publish('_EXEC.pool.executors.acts', '{"id":"-"}', as('beacon'))
      send(['gate', gate.name])
      await gate.heard('here')
      send(['echo', 1], lines)
      let ticket: string | undefined
      for await (const report of reports)
        if ((ticket = report.data.length > 0 && report.json<any>().tickets?.[0]?.[0])) break
      const peer = `_EXEC.peer.executors.acts.${executor.id}`
      nc.publish(peer, JSON.stringify({ give: [[ticket, 'other']] }), as('order'))
      await given
      await raw.flush()
      await nc.flush()
      const load = await statistics(nc)
      t.match({ backlog: load.backlog, transferred: load.transferred }, { backlog, transferred })
      gate.open()
    })
