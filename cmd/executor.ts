// The command that runs one executor until it is told to stop.
import { Executor } from '../lib/executor/executor.js'
import { EXECUTOR_DEFAULTS, type ExecutorOptions } from '../lib/options.js'
import { type Options, UsageError, exit, runCommand } from './command-line.js'
import { LOGS, type LogKind, logTo } from './executor-log.js'

const NAME = 'executor'
const { subject, queue, concurrency, timeLimit, memoryLimit, backlog, drainTimeout } = EXECUTOR_DEFAULTS

async function run(positionals: string[], options: Options) {
  if (positionals.length > 0) throw new UsageError(`unknown argument "${positionals[0]}"`)
  const log = options.text('log') ?? 'text'
  if (!LOGS.includes(log as LogKind)) throw new UsageError(`--log is one of ${LOGS.join(', ')}, got "${log}"`)
  const executor = makeExecutor(options)
  logTo(executor, log as LogKind)

  let signals = 0
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const)
    process.on(signal, () => {
      signals++
      if (signals === 1) void executor.stop()
      else if (signals === 2) void executor.stopNow().then(() => process.exit(128 + number))
      else process.exit(128 + number)
    })
  try {
    await executor.start()
  } catch (error) {
    if (signals === 0) exit(NAME, explain(error as Error), 1)
    return
  }
  const lost = await executor.closed
  if (lost) exit(NAME, `the connection is closed: ${lost.message}`, 1)
}

function makeExecutor(options: Options) {
  const servers = options.text('servers')
  const chosen: ExecutorOptions = {
    ...(servers !== undefined && { connection: { servers } }),
    ...defined({
      subject: options.text('subject'),
      queue: options.text('queue'),
      module: options.text('module'),
      concurrency: options.number('concurrency'),
      timeLimit: options.seconds('timeLimit'),
      memoryLimit: options.number('memoryLimit'),
      backlog: options.number('backlog'),
      drainTimeout: options.seconds('drainTimeout'),
      balance: options.isOff('balance') ? false : undefined,
    }),
  }
  try {
    return new Executor(chosen)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

const defined = (values: object) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

function explain(error: Error) {
  const message = error.message.split('\n')[0]!
  if ('code' in error && String(error.code).startsWith('ERR_MODULE')) return `cannot load the function: ${message}`
  return message
}

await runCommand({
  name: NAME,
  synopsis: '[options]',
  describe: 'Computes the requests on a subject. Start as many as you like: each request reaches one of them.',
  options: {
    '--servers <urls>': 'nats-servers, separated by commas (default: $NATS_URL, else nats://127.0.0.1:4222)',
    '--subject <subject>': `subject of the requests (default: ${subject})`,
    '--queue <name>': `queue group (default: ${queue})`,
    '--module <module>': 'module whose default export is the function (default: fibonacci)',
    '--concurrency <n>': `how many requests are computed at the same time (default: ${concurrency})`,
    '--time-limit <seconds>': `longest that one computation may take (default: ${timeLimit / 1000})`,
    '--memory-limit <MiB>': `largest heap of one computing thread (default: ${memoryLimit})`,
    '--backlog <n>': `how many requests may wait here for a free slot (default: ${backlog})`,
    '--drain-timeout <seconds>': `on stopping, how long to compute what is here (default: ${drainTimeout / 1000})`,
    '--no-balance': 'leave each request where NATS brought it, busy or not',
    '--log <kind>': `${LOGS.join(', ')} (default: text)`,
  },
  examples: [
    'executor                                         the built-in fibonacci',
    'executor --concurrency 8                         eight threads',
    'executor --subject resize --module ./resize.js your own function',
    '',
    'SIGTERM or Ctrl-C: finishes what has started and exits 0; a second one stops at once.',
  ],
  run,
})
