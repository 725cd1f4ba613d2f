// What `--help` prints fits a terminal of 80 columns, and has the name by which the command was called.
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { root } from '../dev/root.js'
import { runFile } from './fixtures/processes.js'

const INSTALLED = {
  executor: 'nats-executor',
  client: 'nats-executor-client',
  local: 'nats-executor-local',
  status: 'nats-executor-status',
}
const folder = t.testdir({ bin: {}, node_modules: { '.bin': {} } })

for (const [name, installed] of Object.entries(INSTALLED)) {
  const file = fileURLToPath(new URL(`cmd/${name}`, root))
  const [linked, inProject] = [join(folder, 'bin', installed), join(folder, 'node_modules/.bin', installed)]
  for (const path of [linked, inProject]) symlinkSync(file, path)
  for (const [how, path, typed] of [
    ['in a checkout', file, name],
    ['on the PATH', linked, installed],
    ['in a project, as npx does', inProject, `npx ${installed}`],
  ] as const)
    t.test(`${name} ${how}`, async t => {
      const command = (...args: string[]) => runFile(t, path, args)
      const help = command('--help')
      t.equal(await help.exit, 0)
      t.strictSame(help.stderr, [])
      t.strictSame(
        help.stdout.filter(line => line.length > 80 || line !== line.trimEnd()),
        [],
      )
      t.ok(help.stdout.includes(''), 'it has paragraphs')
      t.match(help.output, `Usage: ${typed} `)
      const examples = help.stdout.slice(help.stdout.indexOf('Examples:') + 1)
      t.match(examples[0], new RegExp(`^  ${typed}(  | \\d|$| images)`))
      const wrong = command('--colour')
      t.equal(await wrong.exit, 2)
      const own = path === file ? name : installed
      t.strictSame(wrong.stderr, [`${own}: unknown option --colour (see ${typed} --help)`])
      const version = command('--version')
      t.equal(await version.exit, 0)
      t.match(version.output, new RegExp(`^${own}/\\d+\\.\\d+\\.\\d+`))
    })
}
