// The command that has arguments computed and prints the answers.
import { ExecutorClient } from '../lib/client/client.js'
import { CancelledError, NoExecutorsError, type RequestError, TimeoutError } from '../lib/errors.js'
import { CLIENT_DEFAULTS } from '../lib/client-options.js'
import { MAX_PRIORITY } from '../lib/protocol/request.js'
import { type Options, UsageError, exit, printable, runCommand } from './command-line.js'

const NAME = 'client'

async function run(positionals: string[], options: Options) {
  const service = options.text('service') ?? CLIENT_DEFAULTS.service
  const servers = options.text('servers')
  const timeout = options.seconds('timeout')
  const priority = priorityOf(options)
  const prefix = options.text('prefix')
  const inboxPrefix = options.text('inboxPrefix')
  const isJson = options.isOn('json')
  if (positionals.length === 0) throw new UsageError('what is to be computed? An argument is missing, such as 30')
  const args = positionals.map(text => ({ text, value: parse(text) }))
  const client = makeClient({
    service,
    ...(servers !== undefined && { connection: { servers } }),
    ...(timeout !== undefined && { timeout }),
    ...(prefix !== undefined && { prefix }),
    ...(inboxPrefix !== undefined && { inboxPrefix }),
  })

  const interrupt = new AbortController()
  process.on('SIGINT', () => interrupt.abort(new Error('Ctrl-C')))
  process.on('SIGTERM', () => interrupt.abort(new Error('SIGTERM')))
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody reads on: as a pipe's end does to other commands.
    if (error.code !== 'EPIPE') exit(NAME, `cannot write the answers: ${error.message}`, 1)
    else process.exitCode ??= 141
    interrupt.abort(error)
  })

  const said = new Set<string>()
  const codes: number[] = await Promise.all(
    args.map(async ({ text, value }) => {
      process.stderr.write(` [x] Requesting ${service}(${printable(text)})\n`)
      const from = performance.now()
      const milliseconds = () => Math.round((performance.now() - from) * 1000) / 1000
      try {
        const { result, requestId, executorId } = await client.request(value, { signal: interrupt.signal, priority })
        if (isJson) print({ argument: value, result, requestId, executorId, milliseconds: milliseconds() })
        else process.stdout.write(`${args.length > 1 ? `${text} ` : ''}${JSON.stringify(result)}\n`)
        return 0
      } catch (thrown) {
        const error = thrown as RequestError
        const { name, code, message, requestId, executorId } = error
        if (isJson)
          print({
            argument: value,
            error: { name, code, message },
            requestId,
            executorId,
            milliseconds: milliseconds(),
          })
        else if (!(error instanceof CancelledError)) {
          const line = explain(error, service, text)
          if (!said.has(line)) process.stderr.write(`${NAME}: ${line}\n`)
          said.add(line)
        }
        return exitCode(error)
      }
    }),
  )
  await client.close()
  process.exitCode ??= [130, 1, 3, 4].find(code => codes.includes(code)) ?? 0
}

function priorityOf(options: Options) {
  const priority = options.number('priority') ?? 0
  if (!Number.isInteger(priority) || Math.abs(priority) > MAX_PRIORITY)
    throw new UsageError(`--priority takes a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}, got ${priority}`)
  return priority
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`an argument is JSON, such as 30 or '"text"', and ${printable(text, 40)} is not`)
  }
}

function makeClient(options: ConstructorParameters<typeof ExecutorClient>[0]) {
  try {
    return new ExecutorClient(options)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function print(line: object) {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function exitCode(error: RequestError) {
  if (error instanceof CancelledError) return 130
  if (error instanceof NoExecutorsError) return 3
  if (error instanceof TimeoutError) return 4
  return 1
}

function explain(error: RequestError, service: string, text: string) {
  if (error instanceof NoExecutorsError)
    return error.message.startsWith('no nats-server')
      ? `${error.message}: start one with "nats-server -c nats-server.conf"`
      : `${error.message}: start one with "./cmd/executor"`
  if (error instanceof TimeoutError)
    return `${service}(${printable(text)}): ${error.message}: give it longer with --timeout`
  return `${service}(${printable(text)}): ${printable(error.message, 500)}`
}

await runCommand({
  name: NAME,
  synopsis: '<argument>… [options]',
  describe: 'Has each argument (JSON, such as 30) computed by an executor and prints the answers.',
  options: {
    '--servers <urls>': 'nats-servers, separated by commas (default: $NATS_URL, else nats://127.0.0.1:4222)',
    '--service <name>': `the service, which is the subject of its requests (default: ${CLIENT_DEFAULTS.service})`,
    '--timeout <seconds>': 'how long to wait for the answers (default: 60)',
    '--priority <number>': 'higher is computed earlier: a whole number from -1000 to 1000 (default: 0)',
    '--prefix <subject>': `what the subjects begin with on which executors answer questions (default: ${CLIENT_DEFAULTS.prefix})`,
    '--inbox-prefix <subject>': 'what the subjects of replies begin with (default: _INBOX)',
    '--json': 'print one JSON object a line',
  },
  examples: [
    'client 30                  prints 832040',
    'client 28 29 30            prints "28 317811" and so on, as the answers arrive',
    'client --timeout 5 40      gives up after 5 seconds',
    '',
    'Exit codes: 0 all answered, 1 an answer was an error, 2 wrong usage, 3 nobody was there',
    '  (no nats-server or no executor), 4 no answer in time, 130 Ctrl-C.',
  ],
  run,
})
