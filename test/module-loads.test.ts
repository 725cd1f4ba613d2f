// A module that cannot be loaded is found before anything is connected; one that stops working, and works again, too.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { descendants, survivors } from './fixtures/executors.js'
import { newClient, rejection } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const folder = t.testdir({
  'syntax.mjs': 'const a = 1\nexport default (',
  'throws.mjs': '\nfunction f() {\n  throw new Error("while loading")\n}\nf()\nexport default n => n',
  'throws-text.mjs': '\nthrow "just a text"',
  'rejects.mjs': '\nawait Promise.reject(new RangeError("of a promise"))',
  'import.mjs': '\nimport nothing from "./nowhere.mjs"\nexport default nothing',
  'package.mjs': '\nimport nothing from "no-such-package"\nexport default nothing',
  'name.mjs': 'import { nothing } from "node:fs"\nexport default nothing',
  'inner.mjs': '\nimport "./syntax.mjs"\nexport default n => n',
  'no-default.mjs': 'export const compute = 1; export class Thing {}',
  'no-function.mjs': 'export default 1',
  'exits.mjs': 'process.exit(3)',
  'text.cjs': '\nmodule.exports = {',
  'data.json': '{}',
  'prints.mjs': 'console.log("Error: not this"); console.error("Error: nor this"); null.f',
  'itself.mjs': t.fixture('symlink', 'itself.mjs'),
  folder: {},
})

for (const [file, message] of Object.entries({
  'syntax.mjs': /syntax\.mjs:2: SyntaxError: Unexpected end of input/,
  'throws.mjs': /throws\.mjs:3: Error: while loading/,
  'throws-text.mjs': /just a text/,
  'rejects.mjs': /rejects\.mjs:2.*RangeError: of a promise/,
  'import.mjs': /Cannot find module .*nowhere\.mjs.* imported from .*import\.mjs/,
  'package.mjs': /Cannot find package 'no-such-package' imported from .*package\.mjs/,
  'name.mjs': /name\.mjs:1: SyntaxError: .* does not provide an export named 'nothing'/,
  'inner.mjs': /syntax\.mjs:2: SyntaxError: Unexpected end of input/,
  'no-default.mjs': /it exports no function/,
  'no-function.mjs': /it exports no function/,
  'exits.mjs': /exit code 3/,
  'text.cjs': /text\.cjs:\d: SyntaxError: Unexpected end of input/,
  'data.json': /data\.json.*import (attribute|assertion)/,
  'prints.mjs': /prints\.mjs:1: TypeError: Cannot read properties of null/,
  'missing.mjs': /there is no such file/,
  'itself.mjs': /ELOOP: too many symbolic links encountered/,
  folder: /it is a directory: name the module in it, such as .*folder\/index\.mjs/,
}))
  t.test(`${file} cannot be loaded`, async t => {
    // A port that nobody listens on: an executor that connected would wait for ever.
    const args = ['--servers', 'nats://127.0.0.1:1', '--service', 'x', join(folder, file)]
    const executor = run(t, 'executor', args)
    t.equal(await executor.exit, 1)
    t.strictSame(
      executor.stdout.filter(line => !line.startsWith(' [>]')),
      [],
    )
    t.equal(executor.stderr.length, 1)
    t.match(executor.stderr[0], new RegExp(`^executor: cannot load .*${file}: .*${message.source}`))
  })

t.test('a module that takes its time', async t => {
  const file = join(folder, 'slow.mjs')
  writeFileSync(file, 'await new Promise(resolve => setTimeout(resolve, 60_000))\nexport default n => n')
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const executor = run(t, 'executor', ['--servers', 'nats://127.0.0.1:1', file])
    t.match(await executor.line(/./), /^executor: still loading .*slow\.mjs \(pid=/)
    const pids = descendants(executor.pid)
    const at = performance.now()
    executor.kill(signal)
    t.equal(await executor.exit, 0)
    t.comment(`${(performance.now() - at).toFixed(0)} ms`)
    t.ok(performance.now() - at < 2000)
    t.equal(executor.stderr.length, 1)
    t.strictSame(await survivors(pids), [])
  }
})

t.test('a module that loads forever without giving the process back', async t => {
  const file = join(folder, 'loops.mjs')
  writeFileSync(file, 'for (;;);')
  const executor = run(t, 'executor', ['--servers', 'nats://127.0.0.1:1', file])
  await executor.line(/still loading/)
  const pids = descendants(executor.pid)
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
  t.strictSame(await survivors(pids), [])
  const other = run(t, 'executor', ['--servers', 'nats://127.0.0.1:1', file])
  await other.line(/still loading/)
  const others = descendants(other.pid)
  other.kill('SIGKILL')
  await other.exit
  t.strictSame(await survivors(others), [])
})

t.test('a module that does not stay', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const flag = join(folder, 'broken')
  const file = join(folder, 'leaves.mjs')
  writeFileSync(
    file,
    `import { existsSync } from 'node:fs'
     setInterval(() => existsSync(${JSON.stringify(flag)}) && process.exit(7), 20)
     setTimeout(() => existsSync(${JSON.stringify(flag)}) && process.exit(7), 100)
     export default n => n + 1`,
  )
  const executor = run(t, 'executor', ['--servers', server.url, file])
  await executor.line(/Awaiting requests on leaves/)
  const client = newClient(t, server, { service: 'leaves' })
  t.equal(await client.call(1), 2)
  mkdirSync(flag)
  await executor.line(/no slot works: this executor takes no requests/)
  for (;;) {
    const reply = await nc.request('leaves', '1', { timeout: 5000 }).catch(error => error)
    if (reply.code === '503') break
  }
  await executor.line(/a slot has failed to start: .*exit code 7/, 4)
  const call = client.call(2)
  rmSync(flag, { recursive: true })
  t.equal(await call, 3)
  await executor.line(/a slot works again/)
  t.notOk(existsSync(flag))
  executor.kill('SIGTERM')
  t.equal(await executor.exit, 0)
})

t.test('a module that does not stay until there is a server', async t => {
  const server = await startServer(t)
  await server.kill()
  const [flag, loads] = [join(folder, 'ends'), join(folder, 'loads')]
  const file = join(folder, 'ends-early.mjs')
  writeFileSync(
    file,
    `import { appendFileSync, existsSync } from 'node:fs'
     appendFileSync(${JSON.stringify(loads)}, '.')
     setInterval(() => existsSync(${JSON.stringify(flag)}) && process.exit(7), 20)
     export default n => n + 1`,
  )
  const executor = run(t, 'executor', ['--servers', server.url, '--no-balance', file])
  await executor.line(/no nats-server yet/)
  mkdirSync(flag)
  while (readFileSync(loads).length < 3) await sleep(20)
  await server.start()
  await executor.line(/no slot works: this executor takes no requests/)
  const nc = await connectTo(t, server)
  while ((await server.subscriptions()).includes('ends-early'));
  t.match(await rejection(nc.request('ends-early', '1')), { code: '503' })
  rmSync(flag, { recursive: true })
  await executor.line(/a slot works again/)
  while (!(await server.subscriptions()).includes('ends-early'));
  t.equal((await nc.request('ends-early', '1', { timeout: 5000 })).json(), 2)
})
