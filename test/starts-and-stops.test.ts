// Every order of start and stop ends, and leaves nothing behind.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { Executor } from 'nats-executor'
import t from 'tap'
import { root } from '../dev/root.js'
import { Gate } from './fixtures/gate.js'
import { fixture, newClient, newExecutor, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const SLEEP = new URL('dist/lib/functions/sleep.js', root)
/** Of what is under way then. */
const STOPPING = { message: /^the executor was stopped$/ }
const STOPPED = { message: 'the executor was stopped: make a new one' }

t.test('start after stop', async t => {
  const executor = newExecutor(t, server)
  await executor.stop()
  t.match(await rejection(executor.start()), STOPPED, 'that was never started')
  const another = await startExecutor(t, server)
  const stopping = another.stop()
  t.match(await rejection(another.start()), STOPPED, 'while it stops')
  await stopping
  t.match(await rejection(another.start()), STOPPED, 'that has finished')
  t.strictSame(slots(), [])
})

t.test('start twice, stop twice', async t => {
  const executor = newExecutor(t, server)
  t.equal(executor.start(), executor.start())
  await executor.start()
  t.equal(executor.stop(), executor.stop())
  await executor.stop()
  t.equal(executor.stopNow(), executor.stop())
  t.equal(await executor.closed, undefined)
})

t.test('a process that is blocked meanwhile', async t => {
  const warnings: string[] = []
  const listener = ({ message }: Error) => void warnings.push(message)
  process.on('warning', listener)
  t.teardown(() => process.off('warning', listener))
  const executor = await startExecutor(t, server, { module: SLEEP, service: 'sleep' })
  const call = newClient(t, server, { service: 'sleep' }).call(60_000, { timeout: 60_000 })
  call.catch(() => {})
  await once(executor, 'started')
  const stopping = executor.stopNow()
  await setImmediate()
  for (const until = performance.now() + 400; performance.now() < until;);
  await stopping
  // Node 21 and later warn of a timer whose time is over.
  t.strictSame(warnings, [])
})

for (const stop of ['stop', 'stopNow'] as const)
  for (const turns of [0, 1, 2, 5, 20])
    t.test(`${stop} ${turns} turns after start`, async t => {
      const executor = newExecutor(t, server)
      const starting = rejection(executor.start())
      const reloading = turns % 2 ? rejection(executor.reload()) : undefined
      for (let i = 0; i < turns; i++) await setImmediate()
      await executor[stop]()
      for (const each of [starting, reloading]) t.match((await each) ?? STOPPING, STOPPING)
      t.equal(await executor.closed, undefined)
      t.strictSame(slots(), [])
    })

for (const stop of ['stop', 'stopNow'] as const)
  t.test(`${stop} while there is no server`, async t => {
    const gone = await startServer(t)
    await gone.kill()
    const executor = newExecutor(t, gone)
    const isMissing = new Promise(resolve => executor.once('warning', resolve))
    const starting = rejection(executor.start())
    t.match(await isMissing, /^no nats-server yet/)
    await executor[stop]()
    t.match(await starting, STOPPING)
    t.equal(await executor.closed, undefined)
    t.strictSame(slots(), [])
  })

t.test('stopNow while it drains', async t => {
  const executor = await startExecutor(t, server, { drainTimeout: 600_000 })
  const nc = await connectTo(t, server)
  const gate = new Gate(t)
  const running = nc.request('acts', JSON.stringify(['gate', gate.name]), { timeout: 20_000 })
  await gate.heard('here')
  const stopping = executor.stop()
  t.equal(executor.stopNow(), stopping)
  await stopping
  t.equal((await running).headers?.get('Nats-Service-Error-Code'), '503')
  t.strictSame(slots(), [])
})

t.test('a start that fails leaves nothing on a connection of somebody else', async t => {
  const config = `authorization: { users: [
    { user: none, password: secret, permissions: { publish: [">"], subscribe: { deny: "acts" } } }
    { user: all, password: secret }
  ] }`
  const strict = await startServer(t, config)
  const refused = await connectTo(t, strict, { user: 'none', pass: 'secret' })
  const allowed = await connectTo(t, strict, { user: 'all', pass: 'secret' })
  const starts: [connection: typeof refused, module: URL | string, error: RegExp][] = [
    [allowed, 'data:text/javascript,throw new Error("on purpose")', /^cannot load data:.*on purpose/],
    [allowed, 'data:text/javascript,export default 1', /^cannot load data:.*: it exports no function/],
    [allowed, fixture('is-not-there.mjs'), /^cannot load .*is-not-there\.mjs: there is no such file/],
    [refused, fixture('acts.mjs'), /permissions of this user lack .*\n  subscribe/],
  ]
  for (const [connection, module, message] of starts) {
    const executor = new Executor({ connection, module, service: 'acts', execArgv: [] })
    t.match(await rejection(executor.start()), { message })
    t.equal(await executor.closed, undefined)
    await executor.stop()
    await connection.flush()
    t.strictSame(await strict.subscriptions(), [], String(message))
    t.strictSame(slots(), [])
    t.notOk(connection.isClosed())
  }
  await allowed.close()
  const executor = new Executor({ connection: allowed, service: 'acts', module: fixture('acts.mjs'), execArgv: [] })
  t.match(await rejection(executor.start()), Error, 'a closed connection')
  await executor.stop()
  t.strictSame(slots(), [])
})

/** The processes of slots that this process has started. */
function slots(): string[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').split(' ')
  return children
    .filter(Boolean)
    .map(commandOf)
    .filter(command => /slot/.test(command))
}

function commandOf(pid: string) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
