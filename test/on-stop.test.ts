// What user code wants done before its process ends.
import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../dev/root.js'
import { fixture, newClient, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
const module = fixture('service.mjs')

t.test('when the executor stops', async t => {
  const file = join(t.testdir(), 'stopped')
  const executor = await startExecutor(t, server, { module, service: 'stops' })
  const client = newClient(t, server, { service: 'stops' })
  await client.call(file, { function: 'writesOnStop' })
  await executor.stop()
  t.ok(existsSync(file))
})

t.test('when a process has computed its share', async t => {
  const file = join(t.testdir(), 'stopped')
  const executor = run(t, 'executor', [
    '--servers',
    server.url,
    '--service',
    'share',
    'test/fixtures/service.mjs',
    '--max-requests',
    '2',
  ])
  await executor.line(/Awaiting/)
  const client = newClient(t, server, { service: 'share' })
  await client.call(file, { function: 'writesOnStop' })
  while (!existsSync(file)) await client.call(1, { function: 'echo' })
  t.pass('it was written')
})

t.test('one that takes too long, throws or never ends does not hold up the stop', async t => {
  const source = `import { onStop } from 'nats-executor/function'
    onStop(() => new Promise(() => {}))
    onStop(() => { throw new Error('on purpose') })
    export default () => 1`
  const folder = t.testdir({ 'late.mjs': source })
  symlinkSync(new URL('node_modules', root).pathname, join(folder, 'node_modules'))
  const executor = run(t, 'executor', ['--servers', server.url, join(folder, 'late.mjs')])
  await executor.line(/Awaiting/)
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
  t.match(executor.output, /onStop: on purpose/)
  t.match(executor.output, /onStop: onStop took longer than 2000 ms/)
})

t.test('at once is at once', async t => {
  const file = join(t.testdir(), 'stopped')
  const executor = await startExecutor(t, server, { module, service: 'now' })
  await newClient(t, server, { service: 'now' }).call(file, { function: 'writesOnStop' })
  await executor.stopNow()
  t.notOk(existsSync(file))
})
