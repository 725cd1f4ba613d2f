// What a new attempt would not change is an error at once.
import t from 'tap'
import { newClient, newExecutor, rejection, startExecutor } from './fixtures/library.js'
import { run } from './fixtures/processes.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(
  t,
  `authorization {
    users: [
      { user: all, password: secret }
      { user: poor, password: secret, permissions: { publish: "other", subscribe: "other" } }
      { user: none, password: secret, permissions: { publish: ["_INBOX.>"], subscribe: ["_INBOX.>", "$SRV.>"] } }
    ]
  }`,
)
const as = (user: string, pass = 'secret') => ({ servers: server.url, user, pass })
const WITHIN_MS = 5000

t.test('wrong credentials', async t => {
  const from = performance.now()
  const connection = as('all', 'wrong')
  const errors = [newExecutor(t, server, { connection }).start(), newClient(t, server, { connection }).call(1)]
  for (const error of await Promise.all(errors.map(rejection)))
    t.match(error, {
      name: 'ConnectionError',
      message: `${server.url} refuses the connection`,
      cause: { code: 'AUTHORIZATION_VIOLATION' },
    })
  t.ok(performance.now() - from < WITHIN_MS)
})

t.test('a subject that is not allowed', async t => {
  const from = performance.now()
  const executor = newExecutor(t, server, { connection: as('none') })
  t.match(await rejection(executor.start()), {
    message: /permissions of this user lack .*subscribe: "acts executors"/s,
  })
  await startExecutor(t, server, { connection: as('all') })
  const error = await rejection(newClient(t, server, { connection: as('none') }).call(['echo', 1]))
  t.match(error.message, /permissions violation/i)
  t.ok(performance.now() - from < WITHIN_MS)
  t.equal(await newClient(t, server, { connection: as('all') }).call(['echo', 1]), 1)
})

t.test('cmd/executor says all that it lacks, in lines that a terminal has room for', async t => {
  const process = run(t, 'executor', ['--servers', server.url.replace('//', '//poor:secret@')])
  t.equal(await process.exit, 1)
  t.strictSame(process.stdout, [])
  t.strictSame(process.stderr.toSorted(), [
    '  publish: "_EXEC.match.executors.fibonacci"',
    '  publish: "_EXEC.peer.executors.fibonacci.*"',
    '  publish: "_EXEC.pool.executors.fibonacci"',
    '  publish: "_INBOX.>"',
    '  publish: "_R_.>"',
    '  subscribe: "$SRV.*"',
    '  subscribe: "$SRV.*.fibonacci"',
    '  subscribe: "$SRV.*.fibonacci.*"',
    '  subscribe: "_EXEC.find.fibonacci"',
    '  subscribe: "_EXEC.hold.fibonacci.*"',
    '  subscribe: "_EXEC.match.executors.fibonacci"',
    '  subscribe: "_EXEC.peer.executors.fibonacci.*"',
    '  subscribe: "_EXEC.pool.executors.fibonacci"',
    '  subscribe: "_INBOX.>", or better inboxes of its own (--inbox-prefix)',
    '  subscribe: "fibonacci executors"',
    '  subscribe: "fibonacci.* executors"',
    "executor: the server's permissions of this user lack (docs/permissions.md):",
  ])
  t.match(process.stderr[0], /^executor: /)
})

t.test('an inbox prefix that was forgotten', async t => {
  const connection = as('poor')
  const message =
    /^no reply can come: .*"_INBOX\.\w+\.\*".*: has this user inboxes of its own \(inboxPrefix, --inbox-prefix\)\?$/
  t.match(await rejection(newClient(t, server, { connection, service: 'other' }).call(1)), { message })
  const given = newClient(t, server, { connection, service: 'other', inboxPrefix: 'mine' })
  t.match(await rejection(given.call(1)), { message: /"mine\.\w+\.\*"'?$/ })
  const command = run(t, 'client', ['--servers', server.url.replace('//', '//poor:secret@'), '--service', 'other', '1'])
  t.equal(await command.exit, 1)
  t.match(command.output, /--inbox-prefix/)
})

for (const name of ['executor', 'client'] as const)
  t.test(`cmd/${name} says it in one line and exits 1`, async t => {
    const process = run(t, name, ['--servers', server.url, ...(name === 'client' ? ['30'] : [])])
    t.equal(await process.exit, 1)
    t.strictSame(process.stdout, [])
    const said = process.stderr.filter(line => !line.startsWith(' [x] Requesting'))
    t.match(said, [new RegExp(`^${name}: .*authorization`, 'i')])
    t.equal(said.length, 1)
  })
