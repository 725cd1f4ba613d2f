// Runs cmd/setup in a folder of its own, on a machine of fakes: the PATH has only what is put there, and each fake writes
// down how it was called.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'

const SETUP = readFileSync(new URL('cmd/setup', root), 'utf8')
const TOOLS = ['sh', 'cat', 'chmod', 'dirname', 'env', 'find', 'mkdir', 'mktemp', 'rm', 'touch']
const NPM = `case $1 in
  ci) mkdir -p node_modules && touch node_modules/.package-lock.json ;;
  run) mkdir -p dist && [ ! -f broken ] ;;
esac`

for (const command of ['client', 'executor', 'local', 'demo'])
  t.test(`without it cmd/${command} says that it is missing`, async t => {
    const shim = readFileSync(new URL(`cmd/${command}`, root), 'utf8')
    const folder = t.testdir({ 'package.json': '{"type":"module"}', cmd: { [command]: shim } })
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'cmd', command)], { encoding: 'utf8' })
    t.equal(status, 1)
    t.match(stderr, new RegExp(`^${command}: it has to be built first, by "npm run setup": Cannot find [^\n]+\n$`))
  })

t.test('on a new machine it installs nats-server, then the dependencies', async t => {
  const machine = newMachine(t)
  machine.add('apt-get', `[ "$1" = update ] || { : >$BIN/nats-server && chmod +x $BIN/nats-server; }`)
  const { status, stderr } = machine.setup()
  t.equal(status, 0)
  t.equal(stderr, '')
  t.match(machine.calls(), [/^apt-get update$/, /^apt-get install -y .*nats-server$/, /^npm ci /, /^npm run build$/])
  t.equal(machine.calls().length, 4)
})

t.test('the second time it does nothing', async t => {
  const machine = newMachine(t)
  machine.add('nats-server')
  machine.setup()
  const before = machine.calls()
  const { status, stdout } = machine.setup()
  t.equal(status, 0)
  t.match(stdout, /ready\n$/)
  t.strictSame(machine.calls(), before)
})

t.test('a changed source is built, once', async t => {
  const machine = newMachine(t)
  machine.add('nats-server')
  machine.setup()
  machine.age('dist/.built')
  machine.setup()
  machine.setup()
  t.match(machine.calls(), [/^npm ci /, /^npm run build$/, /^npm run build$/])
  t.equal(machine.calls().length, 3)
})

t.test('a changed package-lock.json is installed', async t => {
  const machine = newMachine(t)
  machine.add('nats-server')
  machine.setup()
  machine.age('node_modules/.package-lock.json')
  machine.setup()
  t.equal(machine.calls().filter(call => call.startsWith('npm ci')).length, 2)
})

t.test('it fails as long as the build fails', async t => {
  const machine = newMachine(t)
  machine.add('nats-server')
  writeFileSync(machine.path('broken'), '')
  t.equal(machine.setup().status, 1)
  t.equal(machine.setup().status, 1)
})

t.test('an ordinary user installs through sudo', async t => {
  const machine = newMachine(t)
  machine.add('id', 'echo 1000')
  machine.add('sudo', '"$@"')
  machine.add('pacman', `: >$BIN/nats-server && chmod +x $BIN/nats-server`)
  t.equal(machine.setup().status, 0)
  t.match(machine.calls()[0], /^sudo pacman /)
})

t.test('without a package manager it says where nats-server is to be had', async t => {
  const { status, stderr } = newMachine(t).setup()
  t.equal(status, 1)
  t.match(stderr, /^setup: .*https:\/\/nats\.io\/download\/.*\n$/)
})

t.test('a failed install shows what the package manager said', async t => {
  const machine = newMachine(t)
  machine.add('apk', 'echo no such package; exit 1')
  const { status, stderr } = machine.setup()
  t.equal(status, 1)
  t.match(stderr, /no such package\nsetup: /)
})

t.test('NATS_SERVER names the program, and must exist', async t => {
  const machine = newMachine(t)
  machine.add('my-server')
  t.match(machine.setup({ NATS_SERVER: machine.path('bin/my-server') }).stdout, /bin\/my-server/)
  const { status, stderr } = machine.setup({ NATS_SERVER: '/nowhere/nats-server' })
  t.equal(status, 1)
  t.match(stderr, /^setup: .*\/nowhere\/nats-server\n$/)
})

for (const version of ['18.20.4', '20.18.9'])
  t.test(`Node ${version} is too old`, async t => {
    const machine = newMachine(t)
    machine.add('node', `echo ${version}`)
    const { status, stderr } = machine.setup()
    t.equal(status, 1)
    t.match(stderr, new RegExp(`^setup: .*20\\.19.*${version}.*\\n$`))
  })

function newMachine(t: Test) {
  const folder = t.testdir({
    bin: {},
    lib: { 'index.ts': '' },
    cmd: {
      // The folders outside of the PATH are those of the real machine: here there are none.
      setup: SETUP.replace(/^server_folders=.*$/m, "server_folders=''"),
    },
    'package-lock.json': '{}',
    calls: '',
  })
  const path = (name: string) => join(folder, name)
  const env = { PATH: path('bin'), BIN: path('bin'), CALLS: path('calls') }

  function add(name: string, script = '') {
    writeFileSync(path(`bin/${name}`), `#!/bin/sh\necho "\${0##*/} $*" >>"$CALLS"\n${script}\n`, { mode: 0o755 })
  }

  for (const tool of TOOLS) symlinkSync(realPath(tool), path(`bin/${tool}`))
  add('node', 'echo 20.19.0')
  add('id', 'echo 0')
  add('npm', NPM)
  add('systemctl')

  return {
    add,
    path,
    setup: (more: NodeJS.ProcessEnv = {}) =>
      spawnSync('sh', [path('cmd/setup')], { encoding: 'utf8', env: { ...env, ...more } }),
    /** The calls of what changes the machine. */
    calls: () => readFileSync(path('calls'), 'utf8').match(/^(apt-get|apk|pacman|sudo|npm) .*$/gm) ?? [],
    age: (name: string) => utimesSync(path(name), 0, 0),
  }
}

function realPath(tool: string): string {
  const found = (process.env.PATH ?? '').split(delimiter).find(folder => existsSync(join(folder, tool)))
  return join(found ?? '/bin', tool)
}
