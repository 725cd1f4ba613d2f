// Wrong usage of `cmd/client` is one line and exit code 2.
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
await startExecutor(t, server, { module: undefined, service: 'fibonacci' })

const cases: [args: string[], text: RegExp][] = [
  [[], /argument is missing/],
  [['{abc'], /argument is JSON.* got \{abc \(see/],
  [['images', 'mix', '3'], /got mix; a function of the service images is called with --service images mix \(see/],
  [['--service', 'images', 'mix', 'x'], /got x \(see/],
  [['007'], /argument is JSON.* got 007 \(see/],
  [['--colour', '30'], /^client: unknown option --colour \(see/],
  [['--inbox-prefx', 'a', '30'], /^client: unknown option --inbox-prefx \(see/],
  [['-x', '30'], /^client: unknown option -x \(see/],
  [['--timeout', 'soon', '30'], /--timeout takes a number, got "soon"/],
  [['--timeout', '-1', '30'], /--timeout takes seconds from 0.001 to 2000000, got -1 /],
  [['--timeout', '0', '30'], /--timeout takes seconds from 0.001 to 2000000, got 0 /],
  [['--timeout', '', '30'], /--timeout takes a number, got ""/],
  [['--servers', 'http://x', '30'], /expected --servers <urls> to be URLs like .*, got "http:\/\/x"/],
  [['--timeout', '1', '--timeout', '2', '30'], /--timeout is given 2 times/],
  [['--priority', 'high', '30'], /--priority takes a number, got "high"/],
  [['--priority', '1001', '30'], /--priority takes a whole number from -1000 to 1000, got 1001/],
  [['--priority', '0.5', '30'], /--priority takes a whole number from -1000 to 1000, got 0.5/],
  [['--prefix', 'a.*', '30'], /expected --prefix <subject> to be a NATS subject without wildcards, got "a\.\*"/],
  [
    ['--inbox-prefix', 'a..b', '30'],
    /expected --inbox-prefix <subject> to be a NATS subject without wildcards, got "a\.\.b"/,
  ],
  [
    ['--service', '_EXEC.x', '30'],
    /expected --service <name> to be outside of "_EXEC", where executors are asked, got "_EXEC\.x"/,
  ],
  [['--service', 'a.*', '30'], /expected --service <name> to be a NATS subject without wildcards, got "a\.\*"/],
]
for (const [args, text] of cases)
  t.test(`client ${args.join(' ')}`, async t => {
    const process = run(t, 'client', args, { NATS_URL: server.url })
    t.equal(await process.exit, 2)
    t.strictSame(process.stdout, [])
    t.equal(process.stderr.length, 1, process.output)
    t.match(process.stderr[0], text)
    t.match(process.stderr[0], /^client: .* \(see client --help\)$/)
  })

for (const args of [['-5'], ['--', '-5'], ['--timeout', '20', '-5']])
  t.test(`client ${args.join(' ')} is about the number -5`, async t => {
    const process = run(t, 'client', args, { NATS_URL: server.url })
    t.equal(await process.exit, 1)
    t.strictSame(process.stdout, [])
    t.match(process.stderr[1], 'client: fibonacci(-5): expected an integer from 0 to 78, got -5')
  })

t.test('--timeout 0x10 and 1e1 are numbers, and a subject may look like one', async t => {
  await startExecutor(t, server, { module: undefined, service: '007' })
  const process = run(t, 'client', ['--timeout', '1e1', '--service', '007', '10'], { NATS_URL: server.url })
  t.equal(await process.exit, 0)
  t.strictSame(process.stdout, ['55'])
})
