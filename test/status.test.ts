// Who asks what executors there are, by `cmd/status` or by the library, hears of all of them what they are and do.
import { Observer } from 'nats-executor'
import t from 'tap'
import { fixture, newClient, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)

const status = (...args: string[]) => run(t, 'status', args, { NATS_URL: server.url })
const ended = async (...args: string[]) => {
  const command = status(...args)
  return { code: await command.exit, out: command.stdout, err: command.stderr }
}

t.test('nobody is there', async t => {
  t.match(await ended(), { code: 3, out: [], err: [/^status: no executor: start one with "\S*cmd\/executor"$/] })
  t.match(await ended('acts'), {
    code: 3,
    err: [/^status: no executor on acts: start one with "\S*cmd\/executor <module> --service acts"$/],
  })
  t.match(await ended('--json'), { code: 3, out: [], err: [/^status: no executor: /] })
  t.match(await ended('--servers', 'nats://127.0.0.1:1'), {
    code: 3,
    out: [],
    err: [/^status: no nats-server at nats:\/\/127\.0\.0\.1:1$/],
  })
})

t.test('wrong usage', async t => {
  for (const [args, text] of [
    [['a', 'b'], /one service at a time: "b" is too many/],
    [['>'], /expected `service` to be a NATS subject without wildcards, got ">"/],
    [['--watch', '0'], /--watch takes seconds from 0.1 to/],
    [['--inbox-prefix', '*'], /expected --inbox-prefix <subject> to be a NATS subject/],
    [['--servers', 'http://x'], /http:/],
    [['--every', '1'], /unknown option --every/],
  ] as const)
    t.match(await ended(...args), { code: 2, out: [], err: [text] })
})

t.test('executors of several services', async t => {
  const [first, second] = [await startExecutor(t, server, { concurrency: 3 }), await startExecutor(t, server)]
  const other = await startExecutor(t, server, { service: 'of.others' })
  const client = newClient(t, server)
  for await (const { result } of client.map(['echo', 'echo', 'echo'].map(what => [what, 1]))) t.equal(result, 1)
  await t.rejects(client.call(['throws', 'no']))
  const held = Array.from({ length: 6 }, () => client.call(['sleep', 60_000]).catch(() => {}))
  const nc = await connectTo(t, server)
  for (;;) {
    const [a, b] = await Promise.all([first, second].map(({ id }) => statistics(nc, `acts.${id}`)))
    if (a.computing + b.computing === 4 && a.backlog + b.backlog === 2) break
  }

  let { code, out, err } = await ended()
  // One that waits may be on its way from one to the other.
  while (out[0] !== 'acts: 2 executors, 4 of 4 slots busy, 2 waiting') ({ code, out, err } = await ended())
  t.equal(code, 0)
  t.strictSame(err, [])
  t.match(out[1], /^ {2}EXECUTOR +HOST +PID +UP +SLOTS +WAIT +DONE +FAILED +MEAN$/)
  for (const { id } of [first, second])
    t.ok(
      out.some(line => line.startsWith(`  ${id.slice(0, 8)}… `) && line.includes(` ${process.pid} `)),
      id,
    )
  t.ok(out.some(line => / 3\/3 /.test(line)))
  t.ok(
    out.some(line => /^ {2}default +4 +1 .* ms +500: ExecutionError$/.test(line)),
    out.join('\n'),
  )
  t.match(out.slice(out.indexOf('') + 1), [/^of.others: 1 executor, 0 of 1 slots busy, 0 waiting$/])
  t.ok(out.every(line => line.length <= 80))

  const json = (await ended('acts', '--json')).out.map(line => JSON.parse(line))
  t.strictSame(json.map(({ id }) => id).toSorted(), [first.id, second.id].toSorted())
  t.match(
    json.find(({ id }) => id === first.id),
    {
      service: 'acts',
      queue: 'executors',
      module: 'acts.mjs',
      slots: 3,
      computing: 3,
      functions: [{ name: 'default' }],
    },
  )

  const observer = new Observer({ connection: nc, service: 'of.others' })
  t.match(await observer.executors(), [
    { id: other.id, functions: [{ requests: 0, errors: 0, lastError: '', meanMs: 0 }] },
  ])
  await observer.close()
  t.notOk(nc.isClosed(), 'a connection that was handed in stays')
  await client.close()
  await Promise.all(held)
})

t.test('other services, and answers that are none, are not executors', async t => {
  const { id } = await startExecutor(t, server, { service: 'among.strangers' })
  const nc = await connectTo(t, server)
  const [real] = await new Observer({ connection: nc }).executors()
  const text = (await nc.request(`$SRV.STATS.among_strangers.${id}`, '', { timeout: 10_000 })).string()
  const answers = [
    '',
    'x',
    '[]',
    'null',
    '{}',
    text.replace('"metadata"', '"m"'),
    text.replace(/"endpoints":.*/, '"endpoints":[]}'),
  ]
  answers.push(text.replace('"backlog":0', '"backlog":-1'), text.replace('"num_errors":0', '"num_errors":"0"'))
  const odd = JSON.parse(text.replaceAll(id, 'odd'))
  odd.metadata.host = 'h\u001b[31m\n'.repeat(100)
  odd.started = 'yesterday'
  odd.endpoints[0].last_error = '\u0007'.repeat(1000)
  answers.push(JSON.stringify(odd))
  nc.subscribe('$SRV.STATS', { callback: (_, message) => answers.forEach(answer => message.respond(answer)) })
  await nc.flush()
  const found = await new Observer({ connection: nc }).executors()
  t.strictSame(found.map(each => each.id).toSorted(), [id, 'odd'].toSorted())
  t.equal(found.find(each => each.id === id)!.service, real!.service)
  const { out } = await ended()
  t.equal(out[0], 'among.strangers: 2 executors, 0 of 2 slots busy, 0 waiting')
  t.ok(
    out.every(line => /^[ -~·…]*$/.test(line) && line.length <= 100),
    out.join('\n'),
  )
})

t.test('again and again', async t => {
  await startExecutor(t, server, { service: 'watched' })
  const client = newClient(t, server, { service: 'watched' })
  const watching = status('watched', '--watch', '0.1')
  await watching.line(/ DONE /)
  await client.call(['echo', 1])
  await watching.line(/ A SECOND +DONE /)
  t.match(await watching.line(/^ .* 1 +0 +\S+ ms$/), / 0\/1 +0 +\d+\.\d +1 /)
  watching.kill('SIGINT')
  t.equal(await watching.exit, 'SIGINT')

  const piped = status('watched', '--watch', '0.1', '--json')
  await piped.line(/"watched"/, 2)
  piped.closeOutput()
  t.equal(await piped.ended, 141)

  const nobody = status('nobody.here', '--watch', '0.1')
  await nobody.line(/^no executor on nobody.here: start one with/, 2)
  await startExecutor(t, server, { service: 'nobody.here' })
  await nobody.line(/^nobody.here: 1 executor/)
  t.ok(nobody.isRunning)
})

t.test('executors of one service that are not alike', async t => {
  const service = 'mixed'
  await startExecutor(t, server, { service })
  t.notMatch((await ended(service)).out.join('\n'), /queue|AT/)
  await startExecutor(t, server, { service, queue: 'mistake' })
  await startExecutor(t, server, { service, module: fixture('service.mjs') })
  const { out } = await ended(service)
  t.equal(out[1], '  2 queue groups (--queue): each of them computes all requests')
  t.strictSame(out.slice(2, 4).toSorted(), ['  executors: 2', '  mistake: 1'])
  const at = out.findIndex(line => /^  FUNCTION +AT +DONE +FAILED +MEAN +LAST ERROR$/.test(line))
  t.match(out.slice(at + 1).toSorted(), [/^ {2}\w+ +[123]\/3 +0 +0 +-$/])
  t.ok(out.some(line => /^  default +3\/3 /.test(line)) && out.some(line => / 1\/3 /.test(line)), out.join('\n'))
  t.ok(out.every(line => line.length <= 80))
})

t.test('somebody whose inboxes executors were not told of', async t => {
  const { id } = await startExecutor(t, server, { service: 'strict' })
  const { code, err } = await ended('strict', '--inbox-prefix', 'other.inboxes')
  t.equal(code, 3)
  t.match(err, [/: start one with ".* strict" \(or tell those that are there of other: --inbox-prefixes\)$/])
  await startExecutor(t, server, { service: 'strict', inboxPrefixes: ['other'] })
  const told = await ended('strict', '--inbox-prefix', 'other.inboxes')
  t.equal(told.code, 0)
  t.notMatch(told.out.join('\n'), id.slice(0, 8))
})

t.test('a server that refuses, or is gone', async t => {
  const permissions = '{ publish: ["x"], subscribe: ["_INBOX.>"] }'
  const users = `users: [{ user: a, password: secret }, { user: b, password: pw, permissions: ${permissions} }]`
  const secured = await startServer(t, `authorization { ${users} }`)
  const as = (user: string) => secured.url.replace('//', `//${user}@`)
  t.match(await ended('--servers', as('a:wrong')), {
    code: 1,
    out: [],
    err: [/^status: \S+ refuses the connection: .*Authorization/],
  })
  t.match(await ended('--servers', as('b:pw')), {
    code: 1,
    out: [],
    err: [/^status: .*Permissions Violation.*\$SRV.STATS/],
  })

  await using observer = new Observer({ connection: as('a:secret'), timeout: 1000 })
  t.strictSame(await observer.executors(), [])
  t.strictSame(await observer.executors(), [])
  t.strictSame(
    (await secured.connections()).filter(name => name === 'observer'),
    ['observer'],
  )
  const gone = async () => {
    for (;;) {
      const error = await observer.executors().catch((thrown: Error) => thrown)
      if (error instanceof Error) return error
    }
  }
  const noServer = { name: 'ConnectionError', message: /^no nats-server at nats:/ }
  secured.signal('SIGSTOP')
  t.match(await gone(), noServer)
  secured.signal('SIGCONT')
  while ((await observer.executors().catch(() => undefined)) === undefined);
  await secured.stop()
  t.match(await gone(), noServer)
  await secured.start()
  while ((await observer.executors().catch(() => undefined)) === undefined);
})

t.test('an observer that was closed, and wrong options', async t => {
  const observer = new Observer({ connection: server.url })
  await observer.executors()
  await observer.close()
  await t.rejects(observer.executors(), { name: 'ConnectionError', message: 'the observer was closed' })
  t.throws(() => new Observer({ service: '>' }), RangeError)
  t.throws(() => new Observer({ timeout: 0 }), RangeError)
  t.throws(() => new Observer({ prefix: 'x' } as object), /unknown option `prefix`/)
  t.throws(() => new Observer({ connection: null as never }), TypeError)
})
