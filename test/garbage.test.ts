// Large bodies pass through executors and clients without V8 collecting all garbage again and again.
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'
import { newClient } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

const EXECUTOR = fileURLToPath(new URL('cmd/executor', root))
const LIBRARY = new URL('dist/lib/index.js', root).href
const CALLS = 2000
const BYTES = 100_000
/** In an executor there are about 6, and with V8's own settings 30; in a client 1, and 15 when it loaded all that an executor needs. */
const MOST = { executor: 12, client: 6 }
const MAJOR = Number(process.versions.node.split('.')[0])
const collections = (lines: string[]) => lines.filter(line => line.includes('Mark-Compact')).length

t.test('100 kB there and back: the executor', async t => {
  const server = await startServer(t)
  const executor = await startEcho(t, server.url, ['--trace-gc'])
  const client = newClient(t, server, { service: 'echo' })
  const bytes = new Uint8Array(BYTES)
  let left = CALLS
  const lane = async () => {
    while (left-- > 0) if (((await client.call(bytes)) as Uint8Array).length !== bytes.length) t.fail('a wrong result')
  }
  await Promise.all(Array.from({ length: 16 }, lane))
  executor.kill('SIGTERM')
  await executor.exit
  const count = collections(executor.stdout)
  t.ok(count <= MOST.executor, `${count} collections of all garbage`)
})

// V8 of later versions does it for the buffers of nats.js alone.
t.test('100 kB there and back: the client', { skip: MAJOR > 22 && 'for Node 20 and 22' }, async t => {
  const server = await startServer(t)
  await startEcho(t, server.url)
  const code = `
    import { ExecutorClient } from '${LIBRARY}'
    const client = new ExecutorClient({ service: 'echo', connection: { servers: '${server.url}' } })
    const bytes = new Uint8Array(${BYTES})
    for (let i = 0; i < ${CALLS}; i++) if ((await client.call(bytes)).length !== ${BYTES}) throw new Error('a wrong result')
    await client.close()`
  const client = runFile(t, process.execPath, ['--trace-gc', '--input-type=module', '--eval', code])
  t.equal(await client.exit, 0, client.stderr.join('\n'))
  const count = collections(client.stdout)
  t.ok(count <= MOST.client, `${count} collections of all garbage`)
})

t.test('a client does not load what only executors need', async t => {
  const code = `
    import { Session } from 'node:inspector'
    const session = new Session()
    const urls = []
    session.connect()
    session.on('Debugger.scriptParsed', ({ params }) => urls.push(params.url))
    session.post('Debugger.enable')
    const { ExecutorClient } = await import('${LIBRARY}')
    await new ExecutorClient({ connection: { servers: '127.0.0.1:1' } }).close()
    console.log(urls.join('\\n'))`
  const client = runFile(t, process.execPath, ['--input-type=module', '--eval', code])
  t.equal(await client.exit, 0, client.stderr.join('\n'))
  const loaded = client.stdout.filter(url => url.includes('/dist/lib/'))
  t.ok(loaded.some(url => url.endsWith('/client/call.js')))
  t.strictSame(
    loaded.filter(url => /\/(matching|slots\/(pool|slot|crew)|executor\/(desk|balance))/.test(url)),
    [],
  )
})

async function startEcho(t: Test, url: string, flags: string[] = []) {
  const module = `${t.testdir({ 'echo.mjs': 'export default bytes => bytes' })}/echo.mjs`
  const args = ['--servers', url, module, '--exec-argv=--no-warnings']
  const executor = runFile(t, process.execPath, [...flags, EXECUTOR, ...args])
  await executor.line(/Awaiting requests on echo /)
  return executor
}
