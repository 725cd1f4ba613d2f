// A server that is configured anew takes rights away from an executor at work, and gives them back.
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { newClient } from './fixtures/library.js'
import { Server, connectTo } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const ALL = 'publish: ">", subscribe: ">"'
const REQUESTS = 300

t.test('rights that are taken away from an executor, and given back', async t => {
  const dir = t.testdir({ 'nats.conf': config(ALL) })
  const server = new Server(['-c', `${dir}/nats.conf`])
  t.teardown(() => server.kill())
  await server.start()
  const executor = run(t, 'executor', ['--servers', server.url.replace('//', '//executor:secret@')])
  await executor.line(/Awaiting/)
  const connection = { servers: server.url, user: 'client', pass: 'secret' }
  const nc = await connectTo(t, server, connection)

  reconfigure('publish: "_EXEC.>", subscribe: ">"')
  // Until that is so they are answered.
  while (!/not allow/.test(executor.output)) await nc.request('fibonacci', '1', { timeout: 200 }).catch(() => {})
  for (let i = 0; i < REQUESTS; i++) nc.publish('fibonacci', '2', { reply: `_INBOX.x.${i}` })
  await executor.line(/fibonacci on 2/, REQUESTS)
  const said = executor.stderr.filter(line => /not allow/.test(line))
  t.match(said[0], /the server does not allow publish: "_INBOX\.>" \(/)
  t.ok(said.length < REQUESTS / 3, `${said.length} lines of the same`)

  reconfigure('publish: ">", subscribe: ["_EXEC.>", "_INBOX.>", "$SRV.>"]')
  await executor.line(/the server does not allow subscribe: "fibonacci"/)
  reconfigure(ALL)
  const client = newClient(t, server, { connection, service: 'fibonacci' })
  t.equal(await client.call(30), 832040)

  function reconfigure(rights: string) {
    writeFileSync(`${dir}/nats.conf`, config(rights))
    server.signal('SIGHUP')
  }
})

function config(rights: string) {
  return `authorization { users: [
    { user: client, password: secret }
    { user: executor, password: secret, permissions: { ${rights} } }
  ] }`
}
