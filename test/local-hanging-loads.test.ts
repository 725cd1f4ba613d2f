// `cmd/local` with a module that never comes to an end with being loaded.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ExecutorClient } from 'nats-executor'
import { run } from './fixtures/processes.js'

/** A load that nobody gives up would keep the next one waiting for longer. */
const AT_ONCE_MS = 4000
const HANGS = 'await new Promise(resolve => setTimeout(resolve, 1e9)); export default () => 0'

function startLocal(t: Test, text: string) {
  const module = join(t.testdir({ 'works.mjs': text }), 'works.mjs')
  const local = run(t, 'local', [module])
  return { local, write: (next: string) => writeFileSync(module, next) }
}

/** Resolves when the function answers so after a change, which is soon. */
async function serves(t: Test, local: ReturnType<typeof startLocal>['local'], answer: number, change: () => void) {
  const from = performance.now()
  change()
  const [, url = ''] = /(nats:\S+:\d+) /.exec(await local.line(/client --servers/))!
  const client = new ExecutorClient({ connection: url, service: 'works', timeout: 30_000 })
  t.teardown(() => client.close())
  while ((await client.call()) !== answer);
  t.ok(performance.now() - from < AT_ONCE_MS, `${Math.round(performance.now() - from)} ms`)
}

t.test('the next change is taken at once', async t => {
  const { local, write } = startLocal(t, 'export default () => 1')
  await local.line(/client --servers/)
  write(HANGS)
  t.match(await local.line(/still loading/), /^local: still loading \S*works\.mjs \(pid=\d+\)$/)
  await serves(t, local, 2, () => write('export default () => 2'))
  t.notMatch(local.output, /cannot load|executor:/)
})

t.test('what hangs from the start on', async t => {
  const { local, write } = startLocal(t, HANGS)
  await local.line(/^local: still loading/)
  write('export default 3')
  t.match(await local.line(/cannot load/), /^local: cannot load \S*works\.mjs: it exports no function \(pid=\d+\)$/)
  await serves(t, local, 4, () => write('export default () => 4'))
})
