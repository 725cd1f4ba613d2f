// What an executor says on its way: lines for people, or JSON for machines.
import { functionSubject } from '../lib/protocol/subjects.js'
import type { Executor } from '../lib/executor/executor.js'
import { printable } from './printable.js'
import { limited } from './limited.js'
import { openLog } from './log-writer.js'

export const LOGS = ['text', 'json', 'none'] as const
export type LogKind = (typeof LOGS)[number]

/** In a second, of what functions print: it must leave time for requests. */
const MOST_OUTPUT_LINES = 10_000
/** In a second: a connection may be lost and be back several times, which is to be seen. */
const MOST_EQUAL_WARNINGS = 10
/** In a second, for machines: each may be of interest, a flood of them is not. */
const MOST_EQUAL_REFUSALS = 100
const LONGEST_OUTPUT_LINE = 1000
const STACK = { lines: 10, longestLine: 300 }
/** Of an error's text or stack, in characters. */
const LONGEST_TEXT = 4000
const SHORT_ID = 8

const NOT_TAKEN = 'they could not be written in time'
const TOO_MUCH = `functions print more than ${MOST_OUTPUT_LINES} lines a second`

interface Log {
  /** On the standard output. */
  say(line: string): void
  /** On the standard error. */
  warn(line: string): void
  /** Why the executor ends; where machines read, too. */
  fail(line: string): void
}

/** `name`: of the command, which warnings begin with. */
export function logTo(executor: Executor, kind: LogKind, name: string): Log {
  const { pid } = process
  const isJson = kind === 'json'
  const toJson = (level: string, event: string, details: object) =>
    JSON.stringify({ time: new Date().toISOString(), level, event, ...details, executorId: executor.id, pid })
  const { out, err } = openLog(lines =>
    isJson
      ? toJson('warn', 'dropped', { lines, text: NOT_TAKEN })
      : ` [!] ${lines} lines dropped here: ${NOT_TAKEN} (pid=${pid})`,
  )
  if (kind === 'text') text(executor, name, out.write, err.write)
  else if (isJson) json(executor, (...line) => out.write(toJson(...line)))
  const fail = (line: string) => out.write(toJson('error', 'ended', { text: line.replace(`${name}: `, '') }))
  return { say: out.write, warn: err.write, fail: isJson ? fail : err.write }
}

function text(executor: Executor, name: string, say: (line: string) => void, warn: (line: string) => void) {
  const { service } = executor
  const { pid } = process
  executor.on('ready', () =>
    say(` [x] Awaiting requests on ${printable(executor.subjects.join(', '), 500)} (pid=${pid})`),
  )
  executor.on('started', ({ functionName, argument }) =>
    say(` [*] calling ${functionSubject(service, functionName)} on ${printable(argument)} (pid=${pid})`),
  )
  executor.on('completed', ({ result, computeMs }) =>
    say(` [*] response: ${printable(result)} (pid=${pid}, ${computeMs.toFixed(1)} ms)`),
  )

  // What nobody computed was refused: a full backlog refuses thousands at a time.
  const isNewRefusal = limited((code: number, more) => say(` [!] error ${code}: ${more} more (pid=${pid})`))
  executor.on('failed', ({ code, error, computeMs, stack, causes = [] }) => {
    if (computeMs === 0 && !isNewRefusal(code)) return
    const time = computeMs > 0 ? `, ${computeMs.toFixed(1)} ms` : ''
    say(` [!] error ${code}: ${printable(error, 300)} (pid=${pid}${time})`)
    const lines = [...causes.map(cause => `cause: ${printable(cause, 300)}`), ...stackLines(stack)]
    for (const line of lines) say(`     ${line}`)
  })

  const isNewLine = limited(
    (_, more) => say(` [!] ${more} lines dropped here: ${TOO_MUCH} (pid=${pid})`),
    MOST_OUTPUT_LINES,
  )
  executor.on('output', ({ requestId, stream, line }) => {
    if (!isNewLine(undefined)) return
    const id = requestId === undefined ? '' : `, request=${shortened(requestId)}`
    say(` [>] ${stream}: ${outputLine(line)} (pid=${pid}${id})`)
  })

  executor.on('stopping', ({ computing, waiting, delivering, drainTimeout }) => {
    const what = [
      ...(computing + waiting > 0 ? [`${computing} running and ${waiting} waiting requests`] : []),
      ...(delivering > 0 ? [`${delivering} undelivered answer${delivering === 1 ? '' : 's'}`] : []),
    ].join(', and ')
    if (what === '') return
    const most = `${drainTimeout / 1000} s at most; a second signal ends it at once`
    say(` [x] Stopping: waits for ${what}, ${most} (pid=${pid})`)
  })

  const isNewWarning = limited(
    (warning: string, more) => warn(`${name}: ${warning}: ${more} more (pid=${pid})`),
    MOST_EQUAL_WARNINGS,
  )
  executor.on('warning', text => {
    const warning = printable(text, 500)
    if (isNewWarning(warning)) warn(`${name}: ${warning} (pid=${pid})`)
  })
}

const named = (functionName: string) => (functionName === '' ? {} : { function: functionName })

function json(executor: Executor, say: (level: string, event: string, details: object) => void) {
  executor.on('ready', () => say('info', 'ready', { service: executor.service, subjects: executor.subjects }))
  executor.on('started', ({ requestId, functionName, argument }) =>
    say('info', 'started', { requestId, ...named(functionName), argument: printable(argument, 1000) }),
  )
  executor.on('completed', ({ requestId, functionName, result, computeMs }) =>
    say('info', 'completed', {
      requestId,
      ...named(functionName),
      result: printable(result, 1000),
      milliseconds: computeMs,
    }),
  )
  const isNewRefusal = limited((code: number, more) => say('warn', 'failed', { code, more }), MOST_EQUAL_REFUSALS)
  executor.on('failed', ({ requestId, functionName, code, error, computeMs, stack, causes }) => {
    if (computeMs === 0 && !isNewRefusal(code)) return
    say('warn', 'failed', {
      requestId,
      ...named(functionName),
      code,
      error: cut(error),
      milliseconds: computeMs,
      causes: causes?.map(cut),
      stack: stack && cut(stack),
    })
  })
  const isNewLine = limited((_, lines) => say('warn', 'dropped', { lines, text: TOO_MUCH }), MOST_OUTPUT_LINES)
  executor.on('output', ({ requestId, stream, line }) => {
    if (isNewLine(undefined)) say('info', 'output', { requestId, stream, line: outputLine(line) })
  })
  executor.on('stopping', load => say('info', 'stopping', load))
  const isNewWarning = limited((text: string, more) => say('warn', 'warning', { text, more }), MOST_EQUAL_WARNINGS)
  executor.on('warning', warning => {
    const text = cut(warning)
    if (isNewWarning(text)) say('warn', 'warning', { text })
  })
}

const cut = (text: string) => text.slice(0, LONGEST_TEXT)

const outputLine = (line: string) =>
  printable(line.slice(0, 2 * LONGEST_OUTPUT_LINE).replaceAll('\t', '  '), LONGEST_OUTPUT_LINE)

const shortened = (id: string) => (id.length > SHORT_ID ? `${id.slice(0, SHORT_ID)}…` : id)

/** Where it was thrown; the error's text stands above. */
function stackLines(stack: string | undefined): string[] {
  const lines = stack?.slice(0, LONGEST_TEXT).split('\n') ?? []
  const frames = lines.filter(line => /^\s+at /.test(line))
  return frames.slice(0, STACK.lines).map(line => printable(line.trim(), STACK.longestLine))
}
