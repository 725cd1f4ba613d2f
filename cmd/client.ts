// The command that has arguments computed and prints the answers.
import { once } from 'node:events'
import { constants } from 'node:os'
import { ExecutorClient } from '../lib/client/client.js'
import { CLIENT_DEFAULTS } from '../lib/client-options.js'
import { MAX_PRIORITY } from '../lib/protocol/request.js'
import { functionSubject } from '../lib/protocol/subjects.js'
import { type Argument, readCall } from './arguments.js'
import { callArguments } from './call-arguments.js'
import { callLines } from './call-lines.js'
import { calledAs } from './called-as.js'
import { CONNECTION_OPTIONS, connectionOf } from './connection.js'
import { endNow } from './end-now.js'
import { type Options, UsageError, exit, runCommand } from './command-line.js'
import { explain, withRemedy } from './explain.js'
import { printable } from './printable.js'
import { ProgressBar } from './progress-bar.js'
import { reason } from './reason.js'
import { tellMissing } from './waiting-lines.js'

const OWN = 'client'
const NAME = calledAs(OWN)
/** The first one ends the requests, the second one this process. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

async function run(positionals: string[], options: Options) {
  const service = options.text('service') ?? CLIENT_DEFAULTS.service
  const timeout = options.seconds('timeout')
  const priority = priorityOf(options)
  const prefix = options.text('prefix')
  const isJson = options.isOn('json')
  const { functionName, args } = readCall(positionals, options.text('function'), options.text('service') !== undefined)
  const called = printable(functionSubject(service, functionName), 300)
  const connection = connectionOf(options)
  const client = makeClient({
    service,
    connection,
    ...(timeout !== undefined && { timeout }),
    ...(prefix !== undefined && { prefix }),
  })

  const interrupt = new AbortController()
  const { signal } = interrupt
  const interrupted = new Promise(resolve => signal.addEventListener('abort', resolve))
  for (const each of SIGNALS)
    process.on(each, () => {
      // The farewell may take a while, as with a server that says nothing.
      if (signal.aborted) endNow()
      process.exitCode = 128 + constants.signals[each]
      interrupt.abort(new Error(each))
    })
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (process.exitCode !== undefined) return
    // Nobody reads on: as a pipe's end does to other commands.
    if (error.code !== 'EPIPE') exit(NAME, `cannot write the answers: ${reason(error)}`, 1)
    else process.exitCode = 141
    interrupt.abort(error)
  })

  const bar = new ProgressBar(process.stderr, called, args?.length ?? 0)
  const stopTelling = tellMissing(
    () => client.missing,
    missing => {
      if (isJson) return
      bar.clear()
      const what = missing === undefined ? ' for the answer' : `: ${withRemedy(missing, service)}`
      process.stderr.write(` [x] Waiting${printable(what, 500)}\n`)
    },
  )
  const explained = (error: Error, text: string) => explain(error, `${called}(${printable(text)})`, service, connection)
  const common = {
    client,
    options: { function: functionName || 'default', signal, ...(priority !== undefined && { priority }) },
    called,
    isJson,
  }

  const callAll = (all: readonly Argument[]) => {
    const said = new Set<string>()
    const warn = (error: Error, text: string) => {
      const line = explained(error, text)
      if (!said.has(line)) process.stderr.write(`${NAME}: ${printable(line, 1000)}\n`)
      said.add(line)
    }
    return callArguments({ ...common, args: all, bar, warn })
  }

  const callInput = () => {
    process.stderr.write(` [x] Requesting ${called} for each line of the standard input\n`)
    /** Resolves when there is room for more, or nobody waits for it. */
    const write = async (stream: NodeJS.WriteStream, line: string) => {
      if (!stream.write(`${line}\n`)) await once(stream, 'drain', { signal }).catch(() => {})
    }
    return callLines({
      ...common,
      options: { ...common.options, ...(timeout !== undefined && { timeout }) },
      input: process.stdin,
      print: line => write(process.stdout, line),
      warn: (where, error, text) => {
        const what = text === undefined ? error.message : explained(error, text)
        return write(process.stderr, `${NAME}: ${where}${printable(what, 1000)}`)
      },
    })
  }

  const codes = await (args ? callAll(args) : callInput())
  stopTelling()
  bar.clear()
  await client.close()
  // Who reads slowly gets all of it.
  await Promise.race([new Promise(resolve => process.stdout.write('', resolve)), interrupted])
  process.exitCode ??= [1, 3, 4].find(code => codes.includes(code)) ?? 0
}

function priorityOf(options: Options) {
  const priority = options.number('priority')
  if (priority !== undefined && !(Number.isInteger(priority) && Math.abs(priority) <= MAX_PRIORITY))
    throw new UsageError(`--priority takes a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}, got ${priority}`)
  return priority
}

function makeClient(options: ConstructorParameters<typeof ExecutorClient>[0]) {
  try {
    return new ExecutorClient(options)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

await runCommand({
  name: OWN,
  synopsis: '[function] [argument]… [options]',
  describe:
    'Has each argument computed by an executor, and prints the answers. An argument is JSON, such as 30, or @file for the bytes of a file (@- for the standard input). The name of a function alone calls it without one. With - alone each line of the standard input is one, in JSON, and the results come in the same order, one a line.',
  options: {
    ...CONNECTION_OPTIONS,
    '--service <name>': `the subject of the requests (default: ${CLIENT_DEFAULTS.service})`,
    '--function <name>': 'the function, if its name looks like an argument, such as 2d or true',
    '--timeout <seconds>': `how long to wait for the answers (default: ${CLIENT_DEFAULTS.timeout / 1000})`,
    '--priority <number>': `higher is computed earlier: a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY} (default: 0)`,
    '--prefix <subject>': `beginning of the subjects on which executors answer questions (default: ${CLIENT_DEFAULTS.prefix})`,
    '--json': 'print one JSON object a line',
  },
  examples: [
    ['30', 'prints 832040'],
    ['28 29 30', 'prints "28 317811", …'],
    ['--timeout 5 40', 'gives up after 5 seconds'],
    [`--service images resize '{"width":80}'`, 'resize of images.mjs'],
    ['--service images resize - < sizes.jsonl', 'a call for each line'],
    ['--service images invert @in.raw > out.raw', 'bytes in, bytes out'],
  ],
  notes: [
    'Exit codes: 0 all answered, 1 an answer was an error, 2 wrong usage, 3 nobody was there (no NATS server or no executor), 4 no answer in time, 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.',
  ],
  run,
})
