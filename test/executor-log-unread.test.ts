// Whoever reads an executor's log, or does not: the work goes on, and the log says what it lacks.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run, runFile } from './fixtures/processes.js'
import { python, skip } from './fixtures/terminal.js'

const server = await startServer(t)
const nc = await connectTo(t, server)
const EXECUTOR = fileURLToPath(new URL('cmd/executor', root))
const LOG_EVENTS = fileURLToPath(new URL('test/fixtures/log-events.mjs', root))
const flags = (subject: string) => ['--servers', server.url, '--service', subject, 'test/fixtures/acts.mjs']
/** More than a buffer of the system and the executor's own hold. */
const MANY = 10_000
const DROPPED = /^ \[!\] (\d+) lines dropped here: /

/** Calls with these numbers; each call makes two lines of over a hundred characters in the log. */
async function call(subject: string, first: number, count: number) {
  let next = first
  const caller = async () => {
    while (next < first + count) {
      const body = JSON.stringify(['echo', String(next++).padEnd(200, '.')])
      await nc.request(subject, body, { timeout: 10_000 })
    }
  }
  await Promise.all(Array.from({ length: 64 }, caller))
}

async function waitFor(subject: string) {
  while ((await nc.request(subject, '["echo"]').catch(error => error)).code === '503');
}

/** Where the lines are that begin and end each call. */
function places(lines: string[], pattern: RegExp): Map<number, number> {
  const found = lines.map((line, i): [number, number] => [Number(pattern.exec(line)?.[1]), i])
  return new Map(found.filter(([number]) => number >= 0))
}

/** The log has the first calls, then says once how many lines it lacks, and then goes on. */
function check(t: Test, lines: string[], calls: number) {
  const started = places(lines, /calling \S+ on \["echo","(\d+)/)
  const completed = places(lines, /response: "(\d+)/)
  const gap = lines.findIndex(line => DROPPED.test(line))
  const dropped = Number(DROPPED.exec(lines[gap]!)?.[1])
  t.equal(started.size + completed.size + dropped, 2 * calls)
  for (const [number, at] of completed) if (!(started.get(number)! < at)) t.fail(`${number} ends before it begins`)
  for (const [number, at] of started) if (at < gap !== number < calls - 1) t.fail(`${number} is not in its place`)
  t.ok(gap > 1000)
}

t.test('the reader stops, and comes back', { timeout: 60_000 }, async t => {
  const executor = run(t, 'executor', flags('paused'))
  await executor.line(/Awaiting/)
  executor.pauseOutput()
  await call('paused', 0, MANY - 1)
  executor.resumeOutput()
  await executor.line(DROPPED)
  await call('paused', MANY - 1, 1)
  await executor.line(new RegExp(`response: "${MANY - 1}`))
  check(t, executor.stdout, MANY)
})

t.test('SIGTERM while nobody reads', { timeout: 60_000 }, async t => {
  const executor = run(t, 'executor', flags('term'))
  await executor.line(/Awaiting/)
  executor.pauseOutput()
  await call('term', 0, MANY)
  executor.kill('SIGTERM')
  t.equal(await executor.ended, 0)
  executor.resumeOutput()
  await executor.exit
  t.ok(executor.stdout.length > 10)
})

t.test('a named pipe', { timeout: 60_000 }, async t => {
  const fifo = `${t.testdir({})}/log`
  execFileSync('mkfifo', [fifo])
  const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
  t.teardown(() => closeSync(reader))
  runFile(t, '/bin/sh', ['-c', 'exec "$0" "$@" >"$LOG"', EXECUTOR, ...flags('fifo')], { LOG: fifo })
  await waitFor('fifo')
  await call('fifo', 0, MANY - 1)
  let log = ''
  const chunk = Buffer.alloc(65_536)
  const read = async (until: RegExp) => {
    while (!until.test(log.slice(-100_000)))
      try {
        log += chunk.toString('latin1', 0, readSync(reader, chunk))
      } catch {
        await new Promise(setImmediate)
      }
  }
  await read(/ lines dropped here: .*\n/)
  await call('fifo', MANY - 1, 1)
  await read(new RegExp(`response: "${MANY - 1}.*\n`))
  check(t, log.split('\n'), MANY)
})

t.test('what shares a pipe with an executor is not changed', { skip: !existsSync('/proc/self/fdinfo/1') }, async t => {
  const args = [process.execPath, LOG_EVENTS, 'text', '[["flags"]]']
  // What tap loads before it opens the streams of Node.js.
  const { exit, stdout } = runFile(t, '/bin/sh', ['-c', '"$@" 2>&1 | cat', '', ...args])
  t.equal(await exit, 0)
  const flags = parseInt(/flags:.(\d+)/.exec(stdout[0]!)![1]!, 8)
  t.equal(flags & constants.O_NONBLOCK, 0, stdout[0]!)
})

t.test('a full disk', { skip: !existsSync('/dev/full') && 'there is no /dev/full' }, async t => {
  const executor = runFile(t, '/bin/sh', ['-c', 'exec "$0" "$@" >/dev/full 2>&1', EXECUTOR, ...flags('full')])
  await waitFor('full')
  await call('full', 0, MANY)
  nc.publish('full', '1')
  await call('full', 0, 1)
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
})

const TERMINAL = `
import os, pty, signal, sys
child, master = pty.fork()
if child == 0: os.execv(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
print(os.waitpid(child, 0)[1], os.read(master, 100).decode())
`

t.test('a terminal that nobody reads', { skip, timeout: 60_000 }, async t => {
  const executor = runFile(t, python, ['-c', TERMINAL, EXECUTOR, ...flags('terminal')])
  await waitFor('terminal')
  await call('terminal', 0, MANY)
  executor.kill('SIGTERM')
  await executor.exit
  t.match(executor.stdout[0], /^0 .*pid=/)
})
