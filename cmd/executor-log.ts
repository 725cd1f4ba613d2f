// What an executor says on its way: lines for people, or JSON for machines.
import type { Executor } from '../lib/executor/executor.js'
import { Code } from '../lib/protocol/codes.js'
import { printable } from './command-line.js'
import { openLog } from './log-writer.js'

/** A full backlog refuses thousands of requests at a time: that is said at once, and then how often in each of these. */
const SUMMARY_MS = 1000

export const LOGS = ['text', 'json', 'none'] as const
export type LogKind = (typeof LOGS)[number]

/** Returns what says a line on the standard error. */
export function logTo(executor: Executor, kind: LogKind): (line: string) => void {
  const { pid } = process
  const isJson = kind === 'json'
  const toJson = (level: string, event: string, details: object) =>
    JSON.stringify({ time: new Date().toISOString(), level, event, ...details, executorId: executor.id, pid })
  const { out, err } = openLog(lines =>
    isJson
      ? toJson('warn', 'dropped', { lines, text: NOT_TAKEN })
      : ` [!] ${lines} lines dropped here: ${NOT_TAKEN} (pid=${pid})`,
  )
  if (kind === 'text') text(executor, out.write, err.write)
  else if (isJson) json(executor, (...line) => out.write(toJson(...line)))
  return err.write
}

const NOT_TAKEN = 'they could not be written in time'

/** Says the first of many, and then from time to time how many more there were. */
function summarize(first: (text: string) => void, more: (count: number) => void): (text: string) => void {
  let count = 0
  let timer: NodeJS.Timeout | undefined
  const summary = () => {
    timer = count > 0 ? setTimeout(summary, SUMMARY_MS).unref() : undefined
    if (count > 0) more(count)
    count = 0
  }
  // Before the last lines are written.
  process.prependListener('exit', summary)
  return text => {
    if (timer) {
      count++
      return
    }
    first(text)
    timer = setTimeout(summary, SUMMARY_MS).unref()
  }
}

function text(executor: Executor, say: (line: string) => void, warn: (line: string) => void) {
  const { subject } = executor
  const { pid } = process
  executor.on('ready', () => say(` [x] Awaiting requests on ${subject} (pid=${pid})`))
  executor.on('started', ({ argument }) => say(` [*] calling ${subject} on ${printable(argument)} (pid=${pid})`))
  const overloaded = summarize(
    text => say(` [!] error ${Code.overloaded}: ${text} (pid=${pid})`),
    count => say(` [!] error ${Code.overloaded}: ${count} more (pid=${pid})`),
  )
  executor.on('completed', ({ result, computeMs }) =>
    say(` [*] response: ${printable(result)} (pid=${pid}, ${computeMs.toFixed(1)} ms)`),
  )
  executor.on('failed', ({ code, error, computeMs }) => {
    if (code === Code.overloaded) overloaded(error)
    else say(` [!] error ${code}: ${printable(error, 300)} (pid=${pid}, ${computeMs.toFixed(1)} ms)`)
  })
  executor.on('warning', text => warn(`executor: ${printable(text, 500)} (pid=${pid})`))
}

function json(executor: Executor, say: (level: string, event: string, details: object) => void) {
  executor.on('ready', () => say('info', 'ready', { subject: executor.subject }))
  executor.on('started', ({ requestId, argument }) =>
    say('info', 'started', { requestId, argument: printable(argument, 1000) }),
  )
  executor.on('completed', ({ requestId, result, computeMs }) =>
    say('info', 'completed', { requestId, result: printable(result, 1000), milliseconds: computeMs }),
  )
  executor.on('failed', ({ requestId, code, error, computeMs }) =>
    say('warn', 'failed', { requestId, code, error, milliseconds: computeMs }),
  )
  executor.on('warning', text => say('warn', 'warning', { text }))
}
