// The command for whoever writes functions: an executor with a nats-server of its own, which serves each change of the module at once.
//
// It leaves nothing behind: the server ends in order after the executor, and with its process group if this process is killed.
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Executor } from '../lib/executor/executor.js'
import { readModule } from '../lib/module-url.js'
import { isName } from './arguments.js'
import { calledAs, quoted, siblingCommand } from './called-as.js'
import { stop } from './children.js'
import { type Options, UsageError, exit, runCommand } from './command-line.js'
import { logTo } from './executor-log.js'
import { type NatsServer, startNatsServer } from './nats-server.js'
import { holdSignals, stopOnSignals } from './stop-on-signals.js'
import { FileWatcher } from './watch-files.js'

const OWN = 'local'
const NAME = calledAs(OWN)
/** How long the server may take to end, before it is killed. */
const GRACE_MS = 3000
/** Of so many functions a line tells how to call them. */
const MOST_SHOWN = 5
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

async function run(positionals: string[], options: Options) {
  const [module, tooMany] = positionals
  if (module === undefined) throw new UsageError('which module? Its path is missing, such as images.mjs')
  if (module === '') throw new UsageError("the module's path is empty")
  if (tooMany !== undefined) throw new UsageError(`one module at a time: "${tooMany}" is too many`)
  const port = portOf(options)
  // Between a server's start and its being watched over nothing may end this process.
  const held = holdSignals()
  const server = await startServer(port, held.signal)
  try {
    await serve(makeExecutor(module, server.url, options), module, server, held)
  } finally {
    await stop([server.child], GRACE_MS)
  }
}

function portOf(options: Options): number {
  const port = options.number('port') ?? -1
  if (port !== -1 && !(Number.isInteger(port) && port >= 1 && port <= 65_535))
    throw new UsageError(`--port takes a whole number from 1 to 65535, got ${port}`)
  return port
}

/** A signal, too, ends this process. */
async function startServer(port: number, signal: AbortSignal): Promise<NatsServer> {
  try {
    return await startNatsServer({ port, detached: true, signal })
  } catch (error) {
    if (!signal.aborted) exit(NAME, (error as Error).message, 1)
    process.exit()
  }
}

function makeExecutor(module: string, url: string, options: Options) {
  const service = options.text('service')
  const concurrency = options.number('concurrency') ?? availableParallelism()
  const execArgv = options.words('execArgv')
  try {
    // In a folder that is gone Node's hooks of loading hang.
    process.cwd()
    return new Executor({
      connection: url,
      module,
      concurrency,
      ...(service !== undefined && { service }),
      ...(execArgv !== undefined && { execArgv }),
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Resolves when the executor has stopped. */
async function serve(
  executor: Executor,
  module: string,
  { child, url }: NatsServer,
  held: ReturnType<typeof holdSignals>,
) {
  const { say, warn } = logTo(executor, 'text', NAME)
  const signals = stopOnSignals(executor)
  // A moment without a listener would lose one that is on its way.
  held.letGo()
  if (held.signal.aborted) {
    signals.count++
    void executor.stop()
  }
  let state: 'starting' | 'serving' | 'over' = 'starting'
  let lost: Error | undefined
  const serverEnded = () => {
    lost = new Error('its nats-server has ended')
    state = 'over'
    void executor.stopNow()
  }
  child.once('exit', serverEnded)

  let newest: Promise<void> | undefined
  const told = (error?: Error) => {
    if (state === 'over' || signals.count > 0) return
    const goesOn = state === 'serving' ? '; the old code goes on' : ''
    if (error) warn(`${NAME}: ${error.message}${goesOn} (pid=${process.pid})`)
    else if (state === 'serving') say(` [x] Loaded anew: ${executor.subjects.join(', ')} (pid=${process.pid})`)
  }
  const changed = () => {
    const loading = executor.reload()
    newest = loading
    const tell = (error?: Error) => loading === newest && told(error)
    loading.then(() => tell(), tell)
    return loading
  }
  const watcher = new FileWatcher(changed, (folder, { message }) => warn(`${NAME}: cannot watch ${folder}: ${message}`))
  executor.on('imported', file => watcher.add(file))

  const error = await executor.start().then(
    () => {
      state = 'serving'
      // As it is named, too: it may be a link, which is set to another file or folder.
      const named = readModule(module).module
      if (named.startsWith('file:')) watcher.add(fileURLToPath(named))
      for (const line of introduction(executor, module, url)) say(line)
      return executor.closed
    },
    (reason: Error) => (signals.count > 0 ? undefined : reason),
  )
  state = 'over'
  watcher.close()
  child.off('exit', serverEnded)
  const why = lost ?? error
  if (why) exit(NAME, why.message, 1, warn)
}

/** What is served, and what to copy for calling it. */
function introduction({ service, subjects }: Executor, module: string, url: string): string[] {
  const names = subjects.map(subject => subject.slice(service.length + 1))
  const shown = names.slice(0, MOST_SHOWN)
  const name = names.find(Boolean) ?? 'default'
  return [
    `     ${subjects.join(', ')} on ${url}`,
    '     What is changed is loaded anew. To call it, with an argument in place of {}:',
    '',
    ...shown.map(
      each => `${siblingCommand(OWN, 'client')} --servers ${url} --service ${quoted(service)} ${typed(each)}'{}'`,
    ),
    '',
    "import { ExecutorClient } from 'nats-executor'",
    `const client = new ExecutorClient({ connection: '${url}', service: ${literal(service)} })`,
    `const functions = client.functions()${typesOf(module)}`,
    `console.log(await functions${IDENTIFIER.test(name) ? `.${name}` : `[${literal(name)}]`}({}))`,
    'await client.close()',
    '',
  ]
}

/** As the client takes the name of a function. */
const typed = (name: string) => (name === '' ? '' : isName(name) ? `${quoted(name)} ` : `--function=${quoted(name)} `)

/** As JavaScript reads it. */
const literal = (text: string) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`

/** No data has any. */
const typesOf = (module: string) =>
  module.startsWith('data:') ? '' : ` // types: client.functions<typeof import(${literal(`./${basename(module)}`)})>()`

await runCommand({
  name: OWN,
  synopsis: '<module> [options]',
  describe:
    'Serves the functions of a module while you write it, on this machine alone, with a NATS server of its own. When the module changes, or what it imports, requests are computed by the new code.',
  options: {
    '--service <name>': "the subject of the requests (default: the module's name)",
    '--concurrency <n>': 'how many requests are computed at the same time (default: as many as there are cores)',
    '--exec-argv <options>':
      'options of Node.js for the processes that compute, as in --exec-argv=--import=tsx for TypeScript',
    '--port <n>': 'where the NATS server listens (default: a free port)',
  },
  examples: [['images.mjs', 'the functions of images.mjs, as the service images']],
  notes: [
    'SIGTERM or Ctrl-C: finishes what is here and exits with 0; a second one stops at once. Nothing is left behind.',
  ],
  run,
})
