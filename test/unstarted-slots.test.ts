// Where a process cannot be started, for want of descriptors or else, that is an error of a slot, which is started again later.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { POISON } from './fixtures/executors.js'
import { fixture } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

const limited = (most: number, command: string) => ['-c', `ulimit -n ${most}; exec ${command}`]

t.test('more slots than there are descriptors', async t => {
  const server = await startServer(t)
  const command = `./cmd/executor ${POISON} --servers ${server.url} --concurrency 60`
  const executor = runFile(t, '/bin/sh', limited(150, command))
  t.equal(await executor.exit, 1)
  t.match(
    executor.output,
    /^executor: cannot load \S+: its process cannot be started: too many open files \(see `ulimit -n`\)$/,
  )
})

t.test('a slot that is to be replaced when none is left', async t => {
  const program = runFile(t, '/bin/sh', limited(150, `${process.execPath} ${fileURLToPath(fixture('starved.mjs'))}`))
  t.equal(await program.exit, 0, program.output)
  t.strictSame(
    program.stdout,
    Array.from({ length: 13 }, (_, i) => String(i)),
  )
  t.match(program.output, /a slot has failed to start: its process cannot be started: too many open files/)
})

t.test('a slot that is to be replaced when no process can be started', async t => {
  const program = runFile(t, process.execPath, [fileURLToPath(fixture('crammed.mjs'))])
  t.equal(await program.exit, 0, program.output)
  t.strictSame(program.stdout, ['1'])
  t.match(program.output, /a slot has failed to start: its process cannot be started: spawn E2BIG/)
})

t.test('the memory of a function, after there was none left to read its size', async t => {
  const program = runFile(t, '/bin/sh', limited(150, `${process.execPath} ${fileURLToPath(fixture('blind.mjs'))}`))
  t.equal(await program.exit, 0, program.output)
  t.match(program.output, /^the function used \d+ MiB of memory: the limit is 300 MiB$/)
})
