// What `cmd/status --watch` draws, whatever terminal it is and whoever is there.
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'
import { statusLines } from '../cmd/status-lines.js'
import type { ExecutorStatus } from '../lib/observer/executor-status.js'
import { startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run, runFile } from './fixtures/processes.js'
import { skip, python } from './fixtures/terminal.js'

const STATUS = fileURLToPath(new URL('cmd/status', root))

/** Runs a command on a terminal of so many rows and columns until it has said something twice; prints all that it has said. */
const TERMINAL = `
import fcntl, json, os, pty, signal, struct, sys, termios
rows, columns, twice = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
child, master = pty.fork()
if child == 0:
  fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
  os.execv(sys.argv[4], sys.argv[4:])
said = b''
try:
  while said.count(twice) < 2 and (more := os.read(master, 10000)): said += more
except OSError: pass
os.kill(child, signal.SIGKILL)
print(json.dumps(said.decode().replace('\\r\\n', '\\n')))
`

t.test('on a terminal', { skip }, async t => {
  const server = await startServer(t)
  await startExecutor(t, server, { service: 'drawn' })
  async function frame(t: Test, rows: number, columns: number, TERM = 'xterm') {
    const command = [STATUS, 'drawn', '--watch', '0.1', '--servers', server.url]
    const twice = TERM === 'dumb' ? 'drawn:' : '\u001b[J'
    const process = runFile(t, python, ['-c', TERMINAL, String(rows), String(columns), twice, ...command], { TERM })
    t.equal(await process.exit, 0, process.output)
    const said = JSON.parse(process.stdout[0]!) as string
    return TERM === 'dumb' ? said : said.split('\u001b[J')[0]!.replace(/\p{Cc}\[[?\d]*[A-Za-z]/gu, '')
  }
  const SUMMARY = 'drawn: 1 executor, 0 of 1 slots busy, 0 waiting\n'
  const all = await frame(t, 24, 80)
  t.ok(all.startsWith(`${SUMMARY}  EXECUTOR `), all)
  t.equal(all.split('\n').length, 4)
  const unknown = await frame(t, 0, 0)
  t.ok(unknown.startsWith(`${SUMMARY}  EXECUTOR `), 'one that does not know its size')
  t.equal(await frame(t, 3, 80), `${SUMMARY}… 2 lines more\n`)
  t.equal(await frame(t, 2, 10), 'drawn: 1 e\n')
  t.equal(await frame(t, 1, 80), SUMMARY.trimEnd())
  t.notMatch(await frame(t, 24, 80, 'dumb'), /(?!\n)\p{Cc}/u)
})

t.test('programs hear why nobody is shown', async t => {
  const watching = run(t, 'status', ['--json', '--watch', '0.1', '--servers', 'nats://127.0.0.1:1'])
  await watching.line(/^status: no nats-server at nats:\/\/127\.0\.0\.1:1$/)
  t.strictSame(watching.stdout, [])
})

t.test('a host is no command for a terminal', t => {
  const executor = { ...status(0, []), host: '\u009b2J\u001b[2J' }
  t.notMatch(statusLines([executor], 0).join('\n'), /(?!\n)\p{Cc}/u)
  t.end()
})

t.test('how much is done in a second is not known of who was not seen before', t => {
  const before = status(0, ['f'])
  const executor = structuredClone(before)
  executor.functions[0]!.requests = 1000
  const rate = (seen: ExecutorStatus[]) =>
    / 0\/1 +0 +(\S+) +1000 /.exec(statusLines([executor], 0, { executors: seen, seconds: 2 })[2]!)?.[1]
  t.equal(rate([before]), '500.0')
  t.equal(rate([]), '-')
  t.end()
})

t.test('very many functions and services', t => {
  const executors = Array.from({ length: 40 }, (_, i) =>
    status(
      0,
      Array.from({ length: 5000 }, (_, j) => `f${i}_${j}`),
    ),
  )
  t.equal(statusLines(executors, 0).length, 1 + 1 + 40 + 1 + 40 * 5000)
  t.equal(
    statusLines(
      Array.from({ length: 50_000 }, (_, i) => status(i, [])),
      0,
    ).length,
    50_000 * 4 - 1,
  )
  t.end()
})

function status(service: number, functions: string[]): ExecutorStatus {
  const counts = { slots: 1, computing: 0, waiting: 0 }
  const about = { queue: 'executors', host: 'h', pid: 1, module: 'm', package: undefined, version: '1', started: '' }
  const those = functions.map(name => ({ name, requests: 0, errors: 0, lastError: '', meanMs: 0 }))
  return { id: 'x', service: `s${service}`, ...about, ...counts, functions: those }
}
