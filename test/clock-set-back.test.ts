// A clock that is set back while a connection is made again delays nothing.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { root } from '../dev/root.js'
import { runFile } from './fixtures/processes.js'
import { startServer } from './fixtures/nats-server.js'

t.test('by two minutes, and again at each look at it', async t => {
  const server = await startServer(t)
  const file = fileURLToPath(new URL('test/fixtures/clock-set-back.mjs', root))
  const child = runFile(t, process.execPath, [file, server.url])
  await child.line(/connected/)
  await server.kill()
  await child.line(/lost/)
  const from = performance.now()
  await server.start()
  await child.line(/back/)
  t.ok(performance.now() - from < 5000)
  t.equal(await child.exit, 0)
})
