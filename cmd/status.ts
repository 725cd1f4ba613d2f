// The command that shows which executors there are, and what they do.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions } from '../lib/nats/nats.js'
import type { ExecutorStatus } from '../lib/observer/executor-status.js'
import { isFull } from '../lib/nats/refusals.js'
import { Observer } from '../lib/observer/observer.js'
import { DEFAULT_INBOX_PREFIX, unusualPrefix } from '../lib/protocol/subjects.js'
import { jsonOf } from './answers.js'
import { calledAs } from './called-as.js'
import { CONNECTION_OPTIONS, connectionOf } from './connection.js'
import { type Options, UsageError, exit, runCommand } from './command-line.js'
import { executorLine } from './how-to-start.js'
import { printable } from './printable.js'
import { WRAP } from './progress-bar.js'
import { reason } from './reason.js'
import { remedyOf } from './remedy.js'
import { statusLines } from './status-lines.js'

const OWN = 'status'
const NAME = calledAs(OWN)
const NOBODY = 3
const LEAST_SECONDS = 0.1

/** For a terminal: to its top, the rest of a line, the rest of all. */
const TOP = '\u001b[H'
const REST_OF_LINE = '\u001b[K'
const REST = '\u001b[J'
const USUAL = { rows: 24, columns: 80 }

interface Look {
  executors: ExecutorStatus[]
  at: number
  /** Why there are none. */
  problem?: string
  code: number
}

async function run(positionals: string[], options: Options) {
  if (positionals.length > 1) throw new UsageError(`one service at a time: "${positionals[1]}" is too many`)
  const everyMs = options.seconds('watch', LEAST_SECONDS)
  const isJson = options.isOn('json')
  const connection = connectionOf(options)
  const observer = makeObserver(positionals[0], connection)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody reads on: as a pipe's end does to other commands.
    if (error.code !== 'EPIPE') exit(NAME, `cannot write: ${reason(error)}`, 1)
    process.exit(error.code === 'EPIPE' ? 141 : 1)
  })
  for (let before: Look | undefined; ;) {
    const now = await look(observer, positionals[0], connection)
    if (everyMs === undefined && now.problem !== undefined) exit(NAME, now.problem, now.code)
    else if (isJson) {
      for (const executor of now.executors) process.stdout.write(`${jsonOf(executor)}\n`)
      if (now.problem !== undefined && now.problem !== before?.problem) exit(NAME, now.problem, 0)
    } else show(now.problem === undefined ? linesOf(now, before) : [now.problem], everyMs !== undefined)
    if (everyMs === undefined) break
    before = now
    await sleep(Math.max(0, now.at + everyMs - performance.now()))
  }
  await observer.close()
}

function makeObserver(service: string | undefined, connection: ConnectionOptions) {
  try {
    return new Observer({ ...(service !== undefined && { service }), connection })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function look(observer: Observer, service: string | undefined, connection: ConnectionOptions): Promise<Look> {
  const at = performance.now()
  try {
    const executors = await observer.executors()
    if (executors.length > 0) return { executors, at, code: 0 }
    const whose = service === undefined ? '' : ` on ${printable(service)}`
    const remedy = `start one with "${executorLine(OWN, service)}"`
    const unusual = unusualPrefix(`${connection.inboxPrefix ?? DEFAULT_INBOX_PREFIX}.`)
    const or = unusual ? ` (or tell those that are there of ${unusual}: --inbox-prefixes)` : ''
    return { executors, at, problem: `no executor${whose}: ${remedy}${or}`, code: NOBODY }
  } catch (error) {
    const { message, cause } = error as Error
    const problem = message + remedyOf(error as Error, connection)
    return { executors: [], at, problem, code: message.startsWith('no nats-server') || isFull(cause) ? NOBODY : 1 }
  }
}

/** Beside an earlier look with how much was done in a second. */
function linesOf({ executors, at }: Look, before: Look | undefined): string[] {
  const seconds = (at - (before?.at ?? at)) / 1000
  return statusLines(executors, Date.now(), before && { executors: before.executors, seconds })
}

/** `again`: on a terminal in place of what was there. */
function show(lines: string[], again: boolean) {
  const { isTTY, rows, columns } = process.stdout
  if (!again || !isTTY || process.env['TERM'] === 'dumb')
    return void process.stdout.write(`${lines.join('\n')}\n${again ? '\n' : ''}`)
  // A terminal that does not know its size says 0.
  const most = Math.max(1, (rows || USUAL.rows) - 1)
  const rest = most > 1 && lines.length > most ? [`… ${lines.length - most + 1} lines more`] : []
  const shown = [...lines.slice(0, most - rest.length), ...rest]
  const fit = shown.map(line => line.slice(0, columns || USUAL.columns) + REST_OF_LINE)
  process.stdout.write(`${TOP}${WRAP.off}${fit.join('\n')}${rows === 1 ? '' : '\n'}${WRAP.on}${REST}`)
}

await runCommand({
  name: OWN,
  synopsis: '[service] [options]',
  describe: 'Shows the executors of a service (default: of all), and what they do.',
  options: {
    ...CONNECTION_OPTIONS,
    '--watch <seconds>': 'show it again and again, so many seconds apart',
    '--json': 'print one JSON object a line, for each executor',
  },
  examples: [
    ['', 'all executors'],
    ['images --watch 1', 'those of images, each second'],
    ['--json | jq .waiting', 'for programs'],
  ],
  notes: [
    'SLOTS are those that are busy, of how many there are; WAIT is how many requests wait there; DONE, FAILED and MEAN count since the executor was started, each argument of a batch for itself. AT, where not all executors have the same functions, is how many have it: the others answer its requests with 404.',
    'Exit codes: 0 somebody is there, 1 the server refuses it, 2 wrong usage, 3 nobody was there (no NATS server or no executor).',
  ],
  run,
})
