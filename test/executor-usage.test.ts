// Wrong usage of `cmd/executor` is one line and exit code 2.
import t from 'tap'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
const executor = (...args: string[]) => run(t, 'executor', args, { NATS_URL: server.url })

const cases: [args: string[], text: RegExp][] = [
  [['a.mjs', 'b.mjs'], /one module at a time: "b.mjs" is too many/],
  [['--color', 'red'], /^executor: unknown option --color \(see/],
  [['--concurrency', '0'], /expected --concurrency <n> to be from 1 to 1024, got 0/],
  [['--concurrency', 'many'], /--concurrency takes a number, got "many"/],
  [['--processes', '2'], /--processes is --concurrency \(1\) at most, got 2/],
  [['--processes', '1.5', '--concurrency', '3'], /expected --processes <n> to be an integer from 1 to 3, got 1.5/],
  [['--max-requests', '0'], /expected --max-requests <n> to be from 1 to \d+, got 0/],
  [['--max-requests', 'x'], /--max-requests takes a number, got "x"/],
  [['--memory-limit', '1'], /expected --memory-limit <MiB> to be from 64 to 1048576, got 1/],
  [['--backlog', '-1'], /expected --backlog <n> to be from 0 to 1000000, got -1/],
  [['--backlog-bytes', '1.5'], /expected --backlog-bytes <bytes> to be an integer from 0 to \d+, got 1.5/],
  [['--time-limit', '0'], /--time-limit takes seconds from 0.001 to 2000000, got 0/],
  [['--longest-wait', '0'], /--longest-wait takes seconds from 0.001 to 2000000, got 0/],
  [['--drain-timeout', '-1'], /--drain-timeout takes seconds from 0 to 2000000, got -1/],
  [['--drain-timeout', ' '], /--drain-timeout takes a number, got " "/],
  [['--prefix', '>'], /expected --prefix <subject> to be a NATS subject without wildcards, got ">"/],
  [['--inbox-prefix', 'a b'], /expected --inbox-prefix <subject> to be a NATS subject without wildcards, got "a b"/],
  [['--inbox-prefixes', 'a,'], /expected --inbox-prefixes <list> to be an array of subjects without wildcards, got a,/],
  [['--servers', '--log', 'json'], /--servers <urls> has no value \(see/],
  [['--inbox-prefixes', 'a , b.*'], /got a,b\.\* \(see/],
  [['--concurrency', '1', '--concurrency', '2'], /--concurrency is given 2 times/],
  [['--queue', 'a b'], /expected --queue <name> to be 1–64 letters/],
  [['--service', '>'], /expected --service <name> to be a NATS subject/],
  [['--service', '_INBOX.x'], /expected --service <name> to be outside of "_INBOX", where replies go, got "_INBOX\.x"/],
  [
    ['--inbox-prefix', '_EXEC'],
    /expected --inbox-prefix <subject> to be outside of "_EXEC", where executors are asked/,
  ],
  [['--exec-argv=--import="a b'], /--exec-argv lacks a double quote, got --import="a b/],
  [['--log', 'loud'], /--log is one of text, json, none, got "loud"/],
  [['--servers'], /--servers <urls> has no value \(see/],
  [['--servers', '127.0.0.1:x'], /expected --servers <urls> to be URLs like .*, got "127.0.0.1:…"/],
]
for (const [args, text] of cases)
  t.test(`executor ${args.join(' ')}`, async t => {
    const process = executor(...args)
    t.equal(await process.exit, 2)
    t.strictSame(process.stdout, [])
    t.equal(process.stderr.length, 1, process.output)
    t.match(process.stderr[0], text)
    t.match(process.stderr[0], /^executor: .* \(see executor --help\)$/)
  })

t.test('a module after a switch', async t => {
  const process = executor('--service', 'after', '--expose-stack', 'data:text/javascript,export const first = () => 1')
  t.match(await process.line(/Awaiting/), 'after.first')
})

t.test('--help and --version', async t => {
  const help = executor('--help')
  t.equal(await help.exit, 0)
  for (const option of ['servers', 'service', 'queue', 'concurrency', 'time-limit', 'drain-timeout', 'log'])
    t.match(help.output, `--${option} <`)
  t.match(help.output, 'executor --concurrency 8')
  const version = executor('--version')
  t.equal(await version.exit, 0)
  t.match(version.output, /^executor\/\d+\.\d+\.\d+/)
})

t.test('the options arrive', async t => {
  const folder = t.testdir({ 'twice.mjs': 'export default n => { while (n === 0); return 2 * n }' })
  const args = ['--service', 'twice', '--queue', '42', '--concurrency', '2', '--time-limit', '0.2']
  const process = executor(...args, `${folder}/twice.mjs`, '--drain-timeout', '1')
  await process.line(/Awaiting requests on twice/)
  const client = (argument: string) => run(t, 'client', ['--servers', server.url, '--service', 'twice', argument])
  const [good, late] = [client('21'), client('0')]
  t.equal(await good.exit, 0)
  t.strictSame(good.stdout, ['42'])
  t.equal(await late.exit, 1)
  t.match(late.stderr[1], /time limit of 200 ms/)
})
