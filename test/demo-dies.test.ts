// The demo is killed, as by whoever runs out of memory or patience: nothing that it has started stays.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { root } from '../dev/root.js'
import { commandLine, descendants, survivors } from './fixtures/executors.js'
import { runFile } from './fixtures/processes.js'

const DEMO = fileURLToPath(new URL('cmd/demo', root))

t.test('while clients ask', async t => {
  const demo = runFile(t, DEMO, [])
  await demo.line(/calling fibonacci/)
  const pids = descendants(demo.pid)
  t.ok(pids.filter(pid => commandLine(pid).join(' ').includes('cmd/executor')).length === 4)
  demo.kill('SIGKILL')
  t.equal(await demo.exit, 'SIGKILL')
  t.strictSame(await survivors(pids), [])
})
