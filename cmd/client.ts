// The command that has arguments computed and prints the answers.
import { constants } from 'node:os'
import { ExecutorClient } from '../lib/client/client.js'
import { CancelledError, ConnectionError, NoExecutorsError, type RequestError, TimeoutError } from '../lib/errors.js'
import { CLIENT_DEFAULTS } from '../lib/client-options.js'
import { MAX_PRIORITY } from '../lib/protocol/request.js'
import { functionSubject, isFunctionName } from '../lib/protocol/subjects.js'
import { ProgressBar } from './progress-bar.js'
import { calledAs, quoted, siblingCommand } from './called-as.js'
import { CONNECTION_OPTIONS, connectionOf } from './connection.js'
import { type Options, UsageError, exit, runCommand } from './command-line.js'
import { readFile } from './read-file.js'
import { printable } from './printable.js'
import { reason } from './reason.js'
import { remedyOf } from './remedy.js'
import { tellMissing } from './waiting-lines.js'

const OWN = 'client'
const NAME = calledAs(OWN)
/** The first one ends the requests, the second one this process. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Of an argument: a nats-server's `max_payload` cannot be more. */
const MOST_BYTES = 64 * 1024 * 1024

async function run(positionals: string[], options: Options) {
  const service = options.text('service') ?? CLIENT_DEFAULTS.service
  const timeout = options.seconds('timeout')
  const priority = priorityOf(options)
  const prefix = options.text('prefix')
  const inboxPrefix = options.text('inboxPrefix')
  const isJson = options.isOn('json')
  const [name, texts] = isName(positionals[0]) ? [positionals[0]!, positionals.slice(1)] : ['', positionals]
  if (positionals.length === 0) throw new UsageError('what is to be computed? An argument is missing, such as 30')
  if (texts.filter(text => text === '@-').length > 1) throw new UsageError('@- is one argument at most')
  // A function may do without.
  const args = texts.length === 0 ? [{ text: '', value: undefined }] : texts.map(text => ({ text, value: parse(text) }))
  const called = printable(functionSubject(service, name), 300)
  const connection = connectionOf(options)
  const client = makeClient({
    service,
    connection,
    ...(timeout !== undefined && { timeout }),
    ...(prefix !== undefined && { prefix }),
    ...(inboxPrefix !== undefined && { inboxPrefix }),
  })

  const interrupt = new AbortController()
  const interrupted = new Promise(resolve => interrupt.signal.addEventListener('abort', resolve))
  for (const signal of SIGNALS)
    process.on(signal, () => {
      // The farewell may take a while, as with a server that says nothing.
      if (interrupt.signal.aborted) process.exit()
      process.exitCode = 128 + constants.signals[signal]
      interrupt.abort(new Error(signal))
    })
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (process.exitCode !== undefined) return
    // Nobody reads on: as a pipe's end does to other commands.
    if (error.code !== 'EPIPE') exit(NAME, `cannot write the answers: ${reason(error)}`, 1)
    else process.exitCode = 141
    interrupt.abort(error)
  })

  const said = new Set<string>()
  const bar = new ProgressBar(process.stderr, called, args.length)
  const stopTelling = tellMissing(
    () => client.missing,
    missing => {
      if (isJson) return
      bar.clear()
      const what = missing === undefined ? ' for the answer' : `: ${withRemedy(missing, service)}`
      process.stderr.write(` [x] Waiting${printable(what, 500)}\n`)
    },
  )
  const codes: number[] = await Promise.all(
    args.map(async ({ text, value }, index) => {
      process.stderr.write(` [x] Requesting ${called}(${printable(text)})\n`)
      const from = performance.now()
      const milliseconds = () => Math.round((performance.now() - from) * 1000) / 1000
      try {
        const { result, requestId, executorId } = await client.request(value, {
          function: name || 'default',
          signal: interrupt.signal,
          priority,
          ...(process.stderr.isTTY && { onProgress: progress => bar.set(index, progress) }),
        })
        bar.done(index)
        bar.clear()
        if (isJson)
          print({ argument: shown(value), result: shown(result), requestId, executorId, milliseconds: milliseconds() })
        else if (result instanceof Uint8Array) printBytes(result)
        else process.stdout.write(`${args.length > 1 ? `${onOneLine(text)} ` : ''}${jsonOf(result)}\n`)
        return 0
      } catch (thrown) {
        bar.clear()
        const error = thrown as RequestError
        const { name, code, message, requestId, executorId } = error
        if (isJson)
          print({
            argument: written([value]) === undefined ? null : shown(value),
            error: { name, code, message },
            requestId,
            executorId,
            milliseconds: milliseconds(),
          })
        else if (!(error instanceof CancelledError)) {
          const isRefused = error instanceof ConnectionError
          const line = isRefused ? message + remedyOf(error, connection) : explain(error, service, called, text)
          if (!said.has(line)) process.stderr.write(`${NAME}: ${printable(line, 1000)}\n`)
          said.add(line)
        }
        return exitCode(error)
      }
    }),
  )
  stopTelling()
  bar.clear()
  await client.close()
  // Who reads slowly gets all of it.
  await Promise.race([new Promise(resolve => process.stdout.write('', resolve)), interrupted])
  process.exitCode ??= [1, 3, 4].find(code => codes.includes(code)) ?? 0
}

function priorityOf(options: Options) {
  const priority = options.number('priority') ?? 0
  if (!Number.isInteger(priority) || Math.abs(priority) > MAX_PRIORITY)
    throw new UsageError(`--priority takes a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}, got ${priority}`)
  return priority
}

/** Whether it is the name of a function: no JSON is one but for three words. A dash is more likely meant for the standard input. */
const isName = (text: string | undefined) => isFunctionName(text) && !/^(-?\d.*|-+|true|false|null)$/.test(text!)

/** JSON, or the bytes of a file. */
function parse(text: string): unknown {
  if (text.startsWith('@')) return bytesOf(text.slice(1))
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(
      `an argument is JSON, such as 30 or '"text"', or @file for the bytes of a file, got ${printable(text, 40).trim() || '""'}`,
    )
  }
}

function bytesOf(path: string): Uint8Array {
  if (path === '') throw new UsageError("the file's name is missing after @")
  try {
    return readFile(path === '-' ? 0 : path, MOST_BYTES)
  } catch (error) {
    const file = path === '-' ? 'the standard input' : printable(path)
    throw new UsageError(`cannot read ${file}: ${reason(error as Error)}`)
  }
}

function printBytes(bytes: Uint8Array) {
  if (process.stdout.isTTY && !isText(bytes))
    throw new Error(`the answer is ${bytes.length} bytes that are no text: send them to a file, as in > out.raw`)
  process.stdout.write(bytes)
}

/** Of which a terminal takes nothing for commands of its own. */
function isText(bytes: Uint8Array) {
  try {
    return !/\p{Cc}/u.test(new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/[\t\n\r]/g, ''))
  } catch {
    return false
  }
}

/** What a terminal takes for commands of its own is escaped, which JSON does for a part of it. */
function jsonOf(value: unknown): string {
  const text = written(value)
  // It could be read all the same.
  if (text === undefined) throw new Error('the answer is nested too deeply to be printed')
  return text.replace(/[\u007f-\u009f]/g, letter => `\\u00${letter.charCodeAt(0).toString(16)}`)
}

function written(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** Between the parts of JSON a line's end is worth a space. */
const onOneLine = (text: string) => text.replace(/[\r\n]+/g, ' ')

/** As JSON says it. */
const shown = (value: unknown) =>
  value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : (value ?? null)

function makeClient(options: ConstructorParameters<typeof ExecutorClient>[0]) {
  try {
    return new ExecutorClient(options)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

const print = (line: object) => process.stdout.write(`${jsonOf(line)}\n`)

function exitCode(error: RequestError) {
  if (error instanceof NoExecutorsError) return 3
  if (error instanceof TimeoutError) return 4
  return 1
}

/** What an executor of a service is given. */
const moduleOf = (service: string) =>
  service === CLIENT_DEFAULTS.service ? '' : ` <module> --service ${quoted(service)}`

/** How to start what is missing. */
const withRemedy = (missing: string, service: string) =>
  missing.startsWith('no nats-server')
    ? `${missing}: start one with "nats-server -c nats-server.conf"`
    : `${missing}: start one with "${siblingCommand(OWN, 'executor')}${moduleOf(service)}"`

function explain(error: RequestError, service: string, called: string, text: string) {
  if (error instanceof NoExecutorsError) return withRemedy(error.message, service)
  if (error instanceof TimeoutError)
    return `${called}(${printable(text)}): ${error.message}: give it longer with --timeout`
  return `${called}(${printable(text)}): ${printable(error.message, 500)}`
}

await runCommand({
  name: OWN,
  synopsis: '[function] <argument>… [options]',
  describe:
    'Has each argument computed by an executor, and prints the answers. An argument is JSON, such as 30, or @file for the bytes of a file (@- for the standard input).',
  options: {
    ...CONNECTION_OPTIONS,
    '--service <name>': `the subject of the requests (default: ${CLIENT_DEFAULTS.service})`,
    '--timeout <seconds>': `how long to wait for the answers (default: ${CLIENT_DEFAULTS.timeout / 1000})`,
    '--priority <number>': `higher is computed earlier: a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY} (default: 0)`,
    '--prefix <subject>': `beginning of the subjects on which executors answer questions (default: ${CLIENT_DEFAULTS.prefix})`,
    '--inbox-prefix <subject>': 'beginning of the subjects of replies (default: _INBOX)',
    '--json': 'print one JSON object a line',
  },
  examples: [
    ['30', 'prints 832040'],
    ['28 29 30', 'prints "28 317811", …'],
    ['--timeout 5 40', 'gives up after 5 seconds'],
    [`--service images resize '{"width":80}'`, 'resize of images.mjs'],
    ['--service images invert @in.raw > out.raw', 'bytes in, bytes out'],
  ],
  notes: [
    'Exit codes: 0 all answered, 1 an answer was an error, 2 wrong usage, 3 nobody was there (no NATS server or no executor), 4 no answer in time, 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.',
  ],
  run,
})
