// `cmd/local` ends soon, and leaves nothing behind, at whatever moment of its start a signal comes.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nanoid } from 'nanoid'
import t, { type Test } from 'tap'
import { survivors } from './fixtures/executors.js'
import { run } from './fixtures/processes.js'

/** What would end it in the end does so after ten seconds. */
const SOON_MS = 5000

const folder = t.testdir({
  'works.mjs': 'export default () => 1',
  'hangs.mjs': 'await new Promise(resolve => setTimeout(resolve, 1e9)); export default () => 1',
})

/** The processes that have that in their environment, whoever's children they are now. */
function marked(mark: string): number[] {
  const isMarked = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark)
    } catch {
      return false
    }
  }
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && isMarked(name))
    .map(Number)
}

function startLocal(t: Test, module: string, env: NodeJS.ProcessEnv = {}) {
  // A shell passes on only what can be the name of a variable.
  const mark = `MARK_${nanoid().replaceAll('-', '_')}`
  return { local: run(t, 'local', [join(folder, module)], { ...env, [mark]: '1' }), mark }
}

/** Signals are taken soon, and nothing is left; resolves with the exit code. */
async function ends(t: Test, { local, mark }: ReturnType<typeof startLocal>, signal: NodeJS.Signals = 'SIGINT') {
  const from = performance.now()
  local.kill(signal)
  const code = await local.exit
  t.ok(performance.now() - from < SOON_MS, `ends after ${Math.round(performance.now() - from)} ms`)
  t.strictSame(await survivors(marked(mark)), [])
  t.strictSame(local.stderr, [])
  return code
}

t.test('after any time', async t => {
  for (let delay = 0; delay <= 900; delay += 50) {
    const started = startLocal(t, 'works.mjs')
    await sleep(delay)
    // While Node loads the command a signal ends it as it ends any process.
    t.match(String(await ends(t, started)), /^(0|SIGINT)$/, `${delay} ms`)
  }
})

t.test('while its server says nothing', async t => {
  const server = join(folder, 'silent-server')
  writeFileSync(server, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
  const started = startLocal(t, 'works.mjs', { NATS_SERVER: server })
  while (marked(started.mark).length < 2) await sleep(20)
  t.equal(await ends(t, started, 'SIGTERM'), 0)
})

t.test('while its module is being loaded', async t => {
  const started = startLocal(t, 'hangs.mjs')
  const hasSlots = () => marked(started.mark).some(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('slot'))
  while (!hasSlots()) await sleep(20)
  t.equal(await ends(t, started), 0)
})
