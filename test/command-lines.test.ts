// What people do to commands by accident or on purpose: outputs that take nothing, arguments without an end.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'
import { startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

const server = await startServer(t)
await startExecutor(t, server, { module: undefined, service: 'fibonacci' })
await startExecutor(t, server, {
  module: 'data:text/javascript,export default bytes => bytes.length',
  service: 'length',
})

/** `script` in a shell that says the exit code of its first command. */
async function shell(t: Test, script: string) {
  const process = runFile(t, '/bin/sh', ['-c', script], { NATS_URL: server.url })
  return {
    code: await process.exit,
    stdout: process.stdout,
    stderr: process.stderr.filter(line => !line.startsWith(' [x]')),
  }
}
const HELP = '(see client --help)'
const folder = t.testdir({ 'in.raw': 'four' })
mkdirSync(join(folder, 'folder'))
const acts = fileURLToPath(new URL('test/fixtures/acts.mjs', root))
/** Goes to a folder that is not there any more. */
const GONE = `cmd=$PWD/cmd; mkdir -p ${folder}/gone; cd ${folder}/gone; rmdir ${folder}/gone;`
const LONG = '$(head -c 120000 /dev/zero | tr "\\0" a)'

const cases: [script: string, code: number, stdout: string[], stderr: (string | RegExp)[]][] = [
  ['cmd/client 10 2>/dev/full', 0, ['55'], []],
  ['{ cmd/client 10 2>&1 >&3 | head -c 0; } 3>&1', 0, ['55'], []],
  ['cmd/client 10 >/dev/full', 1, [], ['client: cannot write the answers: no space left on device']],
  ['cmd/client --json 10 11 >/dev/full', 1, [], ['client: cannot write the answers: no space left on device']],
  ['cmd/client --help >/dev/full', 1, [], ['client: cannot write: no space left on device']],
  ['cmd/executor --version >/dev/full', 1, [], ['executor: cannot write: no space left on device']],
  ['cmd/local --help | head -c 0', 0, [], []],

  [`cmd/client @${folder}/none`, 2, [], [`client: cannot read ${folder}/none: no such file or directory ${HELP}`]],
  [`cmd/client @${folder}/folder`, 2, [], [/^client: cannot read \S*folder: illegal operation on a directory \(see/]],
  ['cmd/client @', 2, [], [`client: the file's name is missing after @ ${HELP}`]],
  ['cmd/client @/dev/zero', 2, [], [`client: cannot read /dev/zero: it has more than 67108864 bytes ${HELP}`]],
  ['cmd/client --service length @- <&-', 0, ['0'], []],
  [`cmd/client --service length @- <${folder}/in.raw`, 0, ['4'], []],
  ['{ sleep 0.5; echo three; } | cmd/client --service length @-', 0, ['6'], []],
  [`cmd/client @- <${folder}/folder`, 2, [], [/^client: cannot read the standard input: illegal/]],
  ['cmd/client @- @- </dev/null', 2, [], [`client: @- is one argument at most ${HELP}`]],

  ["cmd/client ''", 2, [], [/^client: an argument is JSON.* got "" \(see/]],
  [`cmd/client ${LONG}`, 2, [], [/^client: an argument is JSON.* got a{40}… \(see/]],
  [`cmd/client "\\"${LONG}\\""`, 1, [], [/^client: fibonacci\("a+…\): expected an integer from 0 to 78, got "a+…/]],
  [`cmd/executor ${LONG}`, 2, [], [/^executor: expected --service <name> to be .*, got "a+…$/]],
  [
    'cmd/client --timeout 3 --service "$(printf \'a\\033[31mb\')" 1',
    3,
    [],
    [/^client: no executor on a·\[31mb: start/],
  ],
  ['cmd/executor "$(printf \'a\\033[31mb\')" ', 1, [], ['executor: cannot load a·[31mb: there is no such file']],
  ['cmd/client "$(printf \'\\377\')"', 2, [], [/got · \(see/]],

  ['cmd/client --json --json 10 | head -c 14', 0, ['{"argument":10'], []],
  ['cmd/client --json=0 10', 2, [], [`client: --json takes no value ${HELP}`]],
  ['cmd/client --json.x 10 10', 2, [], [`client: --json has no parts ${HELP}`]],
  ['cmd/client - < /', 2, [], [`client: cannot read the standard input: it is a directory ${HELP}`]],
  ['seq 3 | cmd/client -', 0, ['1', '1', '2'], []],
  ['cmd/client - 10', 2, [], [/^client: - for the standard input is the only argument \(see/]],
  ["cmd/executor ''", 2, [], ["executor: the module's path is empty (see executor --help)"]],
  ["cmd/local ''", 2, [], ["local: the module's path is empty (see local --help)"]],
  ['cmd/client --timeout.x 1 10', 2, [], [`client: --timeout has no parts ${HELP}`]],
  [`${GONE} $cmd/executor a.mjs`, 2, [], ['executor: the working directory is gone (see executor --help)']],
  [`${GONE} $cmd/local ${acts}`, 2, [], ['local: the working directory is gone (see local --help)']],
  [
    `${GONE} $cmd/client --service nobody --timeout 2 1`,
    3,
    [],
    [/^client: no executor on nobody: start one with "\/\S+\/cmd\/executor <module> --service nobody"$/],
  ],
  [
    `ln -s $PWD "${folder}/it's here"; cd ${folder}; "it's here/cmd/client" --service nobody --timeout 2 1`,
    3,
    [],
    [/ start one with "'.\/it'\\''s here\/cmd\/executor' <module> --service nobody"$/],
  ],
  [
    `cmd=$PWD/cmd; cd ${folder}; $cmd/client --servers nats://127.0.0.1:1 --timeout 1 1`,
    3,
    [],
    [/^client: no nats-server at \S+: start one with "nats-server -c \.\.\/\S+\/nats-server\.conf"$/],
  ],
  [
    'cmd/executor 日本.mjs',
    2,
    [],
    [/^executor: --service <name> is needed: "日本" has none of the letters A-Z a-z 0-9 \(see/],
  ],
  ['cmd/executor http:', 2, [], [/^executor: expected `module` to be a module's path or URL, got "http:"/]],
  ['cmd/executor file:///%zz', 2, [], [/^executor: expected `module` to be a module's path or URL/]],
]
for (const [script, code, stdout, stderr] of cases)
  t.test(script, async t => {
    const outcome = await shell(t, script)
    t.equal(outcome.code, code)
    t.strictSame(outcome.stdout, stdout)
    t.match(outcome.stderr, stderr)
    t.equal(outcome.stderr.length, stderr.length)
  })
