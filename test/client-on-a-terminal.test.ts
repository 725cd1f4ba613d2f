// What `cmd/client` prints on a terminal, and what it does not.
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { root } from '../dev/root.js'
import { startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'
import { python, skip } from './fixtures/terminal.js'

const server = await startServer(t)
const FUNCTIONS = `
export const raw = numbers => Uint8Array.from(numbers)
export async function goes(n, { progress }) {
  for (let done = 0; done < n; done++) {
    progress({ done, total: n })
    await new Promise(resolve => setTimeout(resolve, 150))
  }
  return n
}`
await startExecutor(t, server, { module: `data:text/javascript,${encodeURIComponent(FUNCTIONS)}`, service: 'shows' })
const CLIENT = fileURLToPath(new URL('cmd/client', root))

/** Runs a command on a terminal; prints its exit code and what it has said. */
const TERMINAL = `
import json, os, pty, sys
child, master = pty.fork()
if child == 0: os.execv(sys.argv[1], sys.argv[1:])
said = b''
try:
  while (more := os.read(master, 10000)): said += more
except OSError: pass
print(json.dumps([os.waitpid(child, 0)[1] >> 8, said.decode('latin1').replace('\\r\\n', '\\n')]))
`

async function show(t: Test, args: string[], TERM = 'xterm'): Promise<{ code: number; lines: string[] }> {
  const all = ['-c', TERMINAL, CLIENT, '--servers', server.url, '--service', 'shows', ...args]
  const process = runFile(t, python, all, { TERM })
  t.equal(await process.exit, 0, process.output)
  const [code, said] = JSON.parse(process.stdout[0]!)
  return { code, lines: said.split('\n').filter((line: string) => line !== '' && !line.includes('[x] Requesting')) }
}

for (const [what, bytes] of [
  ['a command of the terminal', [...Buffer.from('\u001b[2J')]],
  ['one of eight bits', [...Buffer.from('\u009b2J')]],
  ['no UTF-8', [200, 100]],
] as const)
  t.test(`bytes that are no text: ${what}`, { skip }, async t => {
    const { code, lines } = await show(t, ['raw', JSON.stringify(bytes)])
    t.equal(code, 1)
    t.strictSame(lines.length, 1)
    t.match(lines[0], new RegExp(`the answer is ${bytes.length} bytes that are no text: send them to a file`))
  })

t.test('bytes that are text', { skip }, async t => {
  const { code, lines } = await show(t, ['raw', JSON.stringify([...Buffer.from('a\tb\nc')])])
  t.equal(code, 0)
  t.strictSame(lines, ['a\tb', 'c'])
})

t.test('a bar, but not on a dumb terminal', { skip }, async t => {
  const drawn = await show(t, ['goes', '3'])
  t.match(drawn.lines.join(), '\u001b[K')
  const dumb = await show(t, ['goes', '3'], 'dumb')
  t.strictSame(dumb, { code: 0, lines: ['3'] })
})
