// The command that runs one executor until it is told to stop.
import { setFlagsFromString } from 'node:v8'
import { Executor } from '../lib/executor/executor.js'
import { MissingRights } from '../lib/executor/missing-rights.js'
import { EXECUTOR_DEFAULTS, type ExecutorOptions } from '../lib/executor-options.js'
import type { ConnectionOptions } from '../lib/nats/nats.js'
import { calledAs } from './called-as.js'
import { type Options, UsageError, exit, runCommand } from './command-line.js'
import { CONNECTION_OPTIONS, connectionOf } from './connection.js'
import { LOGS, type LogKind, logTo } from './executor-log.js'
import { printable } from './printable.js'
import { remedyOf } from './remedy.js'
import { stopOnSignals } from './stop-on-signals.js'

const OWN = 'executor'
const NAME = calledAs(OWN)
const { queue, concurrency, timeLimit, memoryLimit, backlog, backlogBytes, longestWait, drainTimeout, prefix } =
  EXECUTOR_DEFAULTS
const INBOXES = EXECUTOR_DEFAULTS.inboxPrefixes.join(',')

async function run(positionals: string[], options: Options) {
  if (positionals[0] === '') throw new UsageError("the module's path is empty")
  if (positionals.length > 1) throw new UsageError(`one module at a time: "${positionals[1]}" is too many`)
  const log = options.text('log') ?? 'text'
  if (!LOGS.includes(log as LogKind)) throw new UsageError(`--log is one of ${LOGS.join(', ')}, got "${log}"`)
  const connection = connectionOf(options)
  const executor = makeExecutor(positionals[0], connection, options)
  // The buffers of messages live as long as a request does, so V8 soon takes them for old; and since its heap has little else, it
  // collects all of it again and again. Of them it still lets no more than 64 MiB become garbage.
  setFlagsFromString('--heap-growing-percent=400')
  const { fail } = logTo(executor, log as LogKind, NAME)
  const signals = stopOnSignals(executor)
  try {
    await executor.start()
  } catch (error) {
    if (signals.count > 0) return
    const { message } = error as Error
    const [first, ...rest] = message.split('\n')
    exit(NAME, first! + remedyOf(error as Error, connection), 1, fail)
    if (error instanceof MissingRights) for (const right of rest) fail(printable(right, 300))
    return
  }
  const lost = await executor.closed
  if (lost) exit(NAME, lost.message + remedyOf(lost, connection), 1, fail)
}

function makeExecutor(module: string | undefined, connection: ConnectionOptions, options: Options) {
  const slots = options.number('concurrency') ?? concurrency
  const processes = options.number('processes')
  if (processes !== undefined && processes > slots)
    throw new UsageError(`--processes is --concurrency (${slots}) at most, got ${processes}`)
  const chosen: ExecutorOptions = {
    connection,
    ...defined({
      service: options.text('service'),
      queue: options.text('queue'),
      module,
      concurrency: options.number('concurrency'),
      processes,
      maxRequests: options.number('maxRequests'),
      execArgv: options.words('execArgv'),
      timeLimit: options.seconds('timeLimit'),
      memoryLimit: options.number('memoryLimit'),
      backlog: options.number('backlog'),
      backlogBytes: options.number('backlogBytes'),
      longestWait: options.seconds('longestWait'),
      prefix: options.text('prefix'),
      inboxPrefixes: options.text('inboxPrefixes')?.split(/\s*,\s*/),
      drainTimeout: options.seconds('drainTimeout', 0),
      exposeStack: options.isOn('exposeStack') ? true : undefined,
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

await runCommand({
  name: OWN,
  synopsis: '[module] [options]',
  describe:
    'Computes the requests for the functions of a module (default: the built-in fibonacci). Start as many executors as you like, here and on other machines: each request reaches one of them.',
  options: {
    ...CONNECTION_OPTIONS,
    '--service <name>': "the subject of the requests (default: the module's name, or fibonacci)",
    '--queue <name>': `queue group (default: ${queue})`,
    '--concurrency <n>': `how many requests are computed at the same time (default: ${concurrency})`,
    '--processes <n>': 'in how many processes (default: one for each; fewer for functions that wait)',
    '--max-requests <n>': 'replace a process after so many requests (default: never)',
    '--exec-argv <options>':
      "options of Node.js for these processes, as in --exec-argv=--import=tsx (default: the executor's own)",
    '--time-limit <seconds>': `longest that one computation may take (default: ${timeLimit / 1000})`,
    '--memory-limit <MiB>': `most memory of one process (default: ${memoryLimit})`,
    '--backlog <n>': `how many requests may wait here (default: ${backlog})`,
    '--backlog-bytes <bytes>': `how large their arguments may be together (default: ${backlogBytes})`,
    '--longest-wait <seconds>': `deadline of a request that has none of its own (default: ${longestWait / 1000})`,
    '--prefix <subject>': `beginning of the subjects that executors use among themselves (default: ${prefix})`,
    '--inbox-prefixes <list>': `beginnings of reply subjects; other ones get no reply (default: ${INBOXES})`,
    '--drain-timeout <seconds>': `when it is stopped, how long to go on computing what is here (default: ${drainTimeout / 1000})`,
    '--expose-stack': 'send clients the stacks of what functions throw',
    '--no-balance': 'leave each request where NATS brought it, busy or not',
    '--log <kind>': `${LOGS.join(', ')} (default: text)`,
  },
  examples: [
    ['', 'the built-in fibonacci'],
    ['--concurrency 8', 'eight requests at the same time'],
    ['images.mjs', 'your own functions, as the service images'],
  ],
  notes: [
    'SIGTERM or Ctrl-C: finishes what is here and exits with 0; a second one stops at once.',
    'Exit codes: 0 stopped, 1 it cannot start or go on, 2 wrong usage, 130 a second Ctrl-C, 143 a second SIGTERM.',
  ],
  run,
})
