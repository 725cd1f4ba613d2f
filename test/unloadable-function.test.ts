// A function that cannot be loaded is an error at the start, not with each request.
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { newExecutor, rejection, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const folder = t.testdir({
  'no-default.mjs': 'export const compute = 1',
  'no-function.mjs': 'export default 1',
  'syntax.mjs': 'export default (',
  'throws.mjs': 'throw new Error("while loading")',
  'exits.mjs': 'process.exit(0)',
  'good.mjs': 'export default n => n + 1',
  'common.cjs': 'module.exports = n => n + 2',
})
const server = await startServer(t)
const nc = await connectTo(t, server)

for (const [file, message] of Object.entries({
  'no-default.mjs': /it exports no function/,
  'no-function.mjs': /it exports no function/,
  'syntax.mjs': /./,
  'throws.mjs': /while loading/,
  'exits.mjs': /exit code 0/,
  'missing.mjs': /there is no such file/,
}))
  t.test(file, async t => {
    const error = await rejection(newExecutor(t, server, { module: `${folder}/${file}` }).start())
    t.match(error.message, message)
    await t.rejects(nc.request('acts', '1'), { code: '503' }, 'it has not joined the group')
  })

for (const file of ['missing.mjs', 'throws.mjs'])
  t.test(`cmd/executor ${file}`, async t => {
    const process = run(t, 'executor', ['--servers', server.url, `${folder}/${file}`])
    t.equal(await process.exit, 1)
    t.strictSame(process.stdout, [])
    t.notMatch(process.output, /^ +at /m, 'no stack')
    t.match(process.stderr.at(-1), /^executor: /)
  })

for (const [name, value] of Object.entries({
  'a path': `${folder}/good.mjs`,
  'a URL': pathToFileURL(`${folder}/good.mjs`),
  'a URL as text': String(pathToFileURL(`${folder}/good.mjs`)),
  'a data URL': 'data:text/javascript,export default n => n + 1',
}))
  t.test(`${name} is a module`, async t => {
    const executor = await startExecutor(t, server, { module: value })
    t.equal((await nc.request('acts', '1', { timeout: 10_000 })).string(), '2')
    await executor.stop()
  })

t.test('a CommonJS module is one, too', async t => {
  const executor = await startExecutor(t, server, { module: `${folder}/common.cjs` })
  t.equal((await nc.request('acts', '1', { timeout: 10_000 })).string(), '3')
  await executor.stop()
})
