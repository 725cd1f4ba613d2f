// Large bodies pass through an executor without V8 collecting all garbage again and again.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { newClient } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

const EXECUTOR = fileURLToPath(new URL('../cmd/executor', import.meta.url))
const CALLS = 2000
const IN_FLIGHT = 16
/** There are about 6, and with V8's own settings 30. */
const MOST = 12

t.test('100 kB there and back', async t => {
  const server = await startServer(t)
  const module = `${t.testdir({ 'echo.mjs': 'export default bytes => bytes' })}/echo.mjs`
  const flags = ['--servers', server.url, module, '--exec-argv=--no-warnings']
  const executor = runFile(t, process.execPath, ['--trace-gc', EXECUTOR, ...flags])
  await executor.line(/Awaiting requests on echo /)
  const client = newClient(t, server, { service: 'echo' })
  const bytes = new Uint8Array(100_000)
  let left = CALLS
  const lane = async () => {
    while (left-- > 0) if (((await client.call(bytes)) as Uint8Array).length !== bytes.length) t.fail('a wrong result')
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  executor.kill('SIGTERM')
  await executor.exit
  const collections = executor.stdout.filter(line => line.includes('Mark-Compact'))
  t.ok(collections.length <= MOST, `${collections.length} collections of all garbage`)
})
