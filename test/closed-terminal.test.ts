// A person closes the window in which a command runs: that ends it in order.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { root } from '../dev/root.js'
import { startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'
import { python, skip } from './fixtures/terminal.js'

const server = await startServer(t)
await startExecutor(t, server)
const acts = fileURLToPath(new URL('test/fixtures/acts.mjs', root))
const path = (command: string) => fileURLToPath(new URL(`cmd/${command}`, root))

/** Its arguments: what a command says when its terminal is to be closed, and the command. It prints how that has ended. */
const CLOSED = `
import os, pty, sys
child, master = pty.fork()
if child == 0: os.execv(sys.argv[2], sys.argv[2:])
said = b''
while sys.argv[1].encode() not in said: said += os.read(master, 1000)
os.close(master)
status = os.waitpid(child, 0)[1]
print(f'signal {status & 127}' if status & 127 else f'exit code {status >> 8}')
`

const cases: [command: string, args: string[], word: string, code: number][] = [
  ['executor', ['--servers', server.url, '--service', 'closed', acts], 'Awaiting', 0],
  ['client', ['--servers', server.url, '--service', 'acts', '["loop"]'], 'Requesting', 129],
  ['local', ['--concurrency', '1', acts], 'client.close', 0],
  ['demo', [], 'clients ask', 129],
]
for (const [command, args, word, code] of cases)
  t.test(command, { skip, timeout: 60_000 }, async t => {
    const process = runFile(t, python, ['-c', CLOSED, word, path(command), ...args])
    t.equal(await process.exit, 0)
    t.strictSame(process.stdout, [`exit code ${code}`])
  })
