// Signals to `cmd/executor`.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { root } from '../dev/root.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const SLEEP = new URL('dist/lib/functions/sleep.js', root).href
const LOOP = new URL('test/fixtures/acts.mjs', root).href

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  t.test(`${signal}: all that is under way is answered`, async t => {
    const server = await startServer(t)
    const nc = await connectTo(t, server)
    const args = ['--service', 'sleep', SLEEP, '--concurrency', '2']
    const executor = run(t, 'executor', ['--servers', server.url, ...args])
    await executor.line(/Awaiting/)
    const times = Array.from({ length: 12 }, (_, i) => 50 + i)
    const answers = times.map(ms => nc.request('sleep', String(ms), { timeout: 20_000 }))
    await nc.flush()
    executor.kill(signal)
    t.strictSame(
      (await Promise.all(answers)).map(answer => answer.string()),
      times.map(String),
    )
    t.equal(await executor.exit, 0)
    t.strictSame(executor.stderr, [])
  })

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
  t.test(`${signal} to all processes, as a service manager sends it: all that is under way is answered`, async t => {
    const server = await startServer(t)
    const nc = await connectTo(t, server)
    const args = ['--service', 'sleep', SLEEP, '--concurrency', '2']
    const executor = run(t, 'executor', ['--servers', server.url, ...args])
    await executor.line(/Awaiting/)
    const answers = ['300', '301'].map(ms => nc.request('sleep', ms, { timeout: 20_000 }))
    await executor.line(/calling sleep on 30[01]/, 2)
    const slots = readFileSync(`/proc/${executor.pid}/task/${executor.pid}/children`, 'utf8').trim().split(' ')
    t.ok(slots.length >= 2)
    for (const pid of [executor.pid, ...slots.map(Number)]) process.kill(pid, signal)
    t.strictSame(
      (await Promise.all(answers)).map(answer => answer.string()),
      ['300', '301'],
    )
    t.equal(await executor.exit, 0)
    t.strictSame(executor.stderr, [])
  })

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)
  t.test(`a second ${signal} stops at once`, async t => {
    const server = await startServer(t)
    const nc = await connectTo(t, server)
    const executor = run(t, 'executor', ['--servers', server.url, '--service', 'acts', LOOP])
    await executor.line(/Awaiting/)
    const answers = ['["loop"]', '["echo",1]'].map(body => nc.request('acts', body, { timeout: 20_000 }))
    await executor.line(/calling acts on \["loop"\]/)
    await nc.flush()
    executor.kill(signal)
    // It has left the group, and so has read the signal.
    for (;;) if ((await nc.request('acts', '1', { timeout: 100 }).catch(error => error)).code === '503') break
    t.ok(executor.isRunning)
    executor.kill(signal)
    t.equal(await executor.exit, code)
    for (const { headers } of await Promise.all(answers)) t.equal(headers?.get('Nats-Service-Error-Code'), '503')
  })

t.test('while there is no server', async t => {
  const server = await startServer(t)
  await server.kill()
  const executor = run(t, 'executor', ['--servers', server.url])
  await executor.line(/no nats-server yet/)
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
  t.equal(executor.stderr.length, 1)
})

t.test('an answer that the server is not there to take', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const executor = run(t, 'executor', ['--servers', server.url, '--service', 'sleep', SLEEP])
  await executor.line(/Awaiting/)
  nc.publish('sleep', '500', { reply: '_INBOX.nobody' })
  await executor.line(/calling/)
  await server.kill()
  await executor.line(/response: 500/)
  executor.kill('SIGTERM')
  t.match(
    await executor.line(/Stopping/),
    /waits for 1 undelivered answer, 30 s at most; a second signal ends it at once/,
  )
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 143)
})
