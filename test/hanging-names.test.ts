// A look-up of a name that hangs keeps no command: `process.exit` would wait for it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { root } from '../dev/root.js'

/** What Node shows while a look-up is under way; only a name service that is silent would make it hang. */
const HANGS = `data:text/javascript,${encodeURIComponent("setInterval(() => {}, 1000); process.getActiveResourcesInfo = () => ['GetAddrInfoReqWrap']")}`

for (const [signal, name, times] of [
  ['SIGINT', 'client', 1],
  ['SIGTERM', 'client', 1],
  ['SIGINT', 'executor', 2],
] as const)
  t.test(`${name}, ${signal}`, async t => {
    const args = ['--servers', '127.0.0.1:1', ...(name === 'client' ? ['--service', 'nobody', '1'] : [])]
    const child = spawn(fileURLToPath(new URL(`cmd/${name}`, root)), args, {
      env: { ...process.env, NODE_OPTIONS: `--import=${HANGS}` },
    })
    t.teardown(() => child.kill('SIGKILL'))
    const exit = once(child, 'exit')
    await once(child.stderr, 'data')
    for (let i = 0; i < times; i++) {
      child.kill(signal)
      await new Promise(resolve => setTimeout(resolve, 200))
    }
    t.strictSame(await exit, [null, signal])
  })
