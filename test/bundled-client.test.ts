// A program of clients works as a bundler writes it, in one file that knows nothing of ours.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { root } from '../dev/root.js'
import { fixture, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { commandEnvironment } from './fixtures/processes.js'

const FIBONACCI = new URL('dist/lib/functions/fibonacci.js', root)
const PROGRAM = `
import * as all from 'nats-executor'
const client = new all.ExecutorClient({ connection: process.argv[1], timeout: 20_000 })
const error = await client.call('a text').catch(error => error)
const classes = Object.entries(all).filter(([name]) => name.endsWith('Error'))
const areRight = classes.every(([name, Class]) => Class.name === name)
console.log(await client.call(10), error.name, String(error).split(':')[0], classes.length, areRight)
console.log(new (class Mine extends all.InvalidArgumentError {})('bad').name)
await client.close()
`

t.test('with classes of other names, and without the URL of a file', async t => {
  const server = await startServer(t)
  await startExecutor(t, server, { module: FIBONACCI, service: 'fibonacci' })
  const options = [`--import=${fixture('as-bundled.mjs').href}`, '--input-type=module', '--eval', PROGRAM, server.url]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, options, {
    env: commandEnvironment(),
  }).catch(error => error)
  t.equal(stdout, '55 InvalidArgumentError InvalidArgumentError 15 true\nMine\n')
  t.equal(stderr, '')
})
