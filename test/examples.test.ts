// The examples do what examples/README.md says, by the commands that stand there.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'
import { startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

const rootFolder = fileURLToPath(root)
const readme = readFileSync(join(rootFolder, 'examples/README.md'), 'utf8')
const COMMANDS = [...readme.matchAll(/\| `([^`]+)` +\|$/gm)].map(([, command]) => command!)
const COMPILE = /```sh\n(.+)\n```/.exec(readme)![1]!
/** Otherwise what was compiled is run, as it says there. */
const RUNS_TYPESCRIPT = Boolean((process.features as { typescript?: unknown }).typescript)

const PATH = `${dirname(process.execPath)}:${process.env['PATH']}`

const server = await startServer(t)

t.test('they compile', async t => {
  for (const command of [COMPILE, 'npx tsc -p examples']) {
    const tsc = sh(t, command)
    const code = await tsc.exit
    t.strictSame([code, tsc.output], [0, ''])
  }
})

t.test('all commands are tried', async t => {
  t.strictSame(
    COMMANDS.map(command => /^(\.\/cmd\/\w+|node( --test)?|python3)( examples\/[\w.-]+)?/.exec(command)?.[0]),
    [
      './cmd/executor examples/images.mjs',
      './cmd/client',
      './cmd/executor examples/images.ts',
      'node examples/call-images.ts',
      'node examples/web-server.ts',
      'python3 examples/client.py',
      'node --test examples/test-locally.ts',
    ],
  )
})

const [serveJavaScript, callOne, serveTypeScript, callAll, serveWeb, callFromPython, testLocally] = COMMANDS as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
]
for (const serve of [serveJavaScript, serveTypeScript])
  t.test(serve, async t => {
    const executor = sh(t, serve)
    await executor.line(/Awaiting requests on images\.brightness, images\.gradient, images\.invert, images\.mix/)

    const client = sh(t, callOne)
    t.equal(await client.exit, 0)
    t.strictSame(client.stdout, ['"#ff7f7f"'])

    const program = sh(t, callAll)
    t.equal(await program.exit, 0)
    t.strictSame(program.stderr, [])
    const isProgress = (line: string) => /^progress (0\.\d+|1)$/.test(line)
    t.equal(program.stdout[0], 'progress 0.1')
    t.strictSame(
      program.stdout.filter(line => !isProgress(line)),
      [
        'brightness 140.2',
        '#ff0000 #ff7f7f',
        '#00ff00 #7fff7f',
        'blue mix does not take this argument: from: expected #rrggbb',
        'refused: expected 4 bytes a pixel, got 3 bytes',
      ],
    )
    executor.kill()
    t.equal(await executor.exit, 0)
  })

t.test(serveWeb, async t => {
  const executor = sh(t, serveJavaScript)
  await executor.line(/Awaiting/)
  const web = sh(t, serveWeb, { PORT: '0' })
  const url = /http:\S+/.exec(await web.line(/^try http/))![0]
  t.strictSame(await (await fetch(url)).json(), { color: '#ff7f7f' })
  const refused = await fetch(url.replace('%23ff0000', 'blue'))
  t.strictSame(
    [refused.status, await refused.text()],
    [400, 'mix does not take this argument: from: expected #rrggbb\n'],
  )
  const pixels = await fetch(new URL('/gradient?width=2&height=3', url))
  t.equal((await pixels.arrayBuffer()).byteLength, 24)

  const browser = new AbortController()
  const left = fetch(new URL('/gradient?width=1&height=5000', url), { signal: browser.signal }).catch(() => 'left')
  await executor.line(/calling images\.gradient on \{"width":1,"height":5000\}/)
  browser.abort()
  t.equal(await left, 'left')
  await executor.line(/error 499: cancelled by its client/)

  web.kill()
  t.equal(await web.exit, 0)
  t.strictSame(web.stderr, [])
})

/** A stranger's machine need not have it. */
const hasNatsPy = spawnSync('python3', ['-c', 'import nats'], { env: { ...process.env, PATH } }).status === 0
t.test(callFromPython, { skip: hasNatsPy ? false : 'needs Python and nats-py' }, async t => {
  const client = sh(t, callFromPython)
  const executor = sh(t, serveJavaScript)
  t.equal(await client.exit, 0, client.output)
  t.strictSame(client.stdout, [
    '#ff7f7f',
    '[255, 245, 0, 7]',
    '#ff0000 #ff7f7f',
    '#00ff00 #7fff7f',
    'blue 400: mix does not take this argument: from: expected #rrggbb',
  ])
  executor.kill()
  t.equal(await executor.exit, 0)
})

t.test(testLocally, async t => {
  const tests = sh(t, testLocally.replace('--test', '--test --test-reporter=tap'))
  t.equal(await tests.exit, 0, tests.output)
  t.ok(tests.stdout.includes('# fail 0') && !tests.stdout.includes('# pass 0'))
})

/** A command as somebody enters it in the project's folder, with this Node. */
function sh(t: Test, command: string, env: Record<string, string> = {}) {
  const text = RUNS_TYPESCRIPT ? command : command.replace(/examples\/([\w-]+)\.ts\b/, 'dist/examples/$1.js')
  return runFile(t, '/bin/sh', ['-c', `cd "$1" && exec ${text}`, 'sh', rootFolder], {
    NATS_URL: server.url,
    PATH,
    ...env,
  })
}
