// Executors and what they do, as lines of 80 columns at most.
import type { ExecutorStatus, FunctionStatus } from '../lib/observer/executor-status.js'
import { printable } from './printable.js'

/** Of ids and names, in characters. */
const LONGEST = { id: 8, host: 16, service: 40, queue: 40, function: 24, error: 26, errorBesideAt: 20 }

export interface Before {
  executors: ExecutorStatus[]
  seconds: number
}

/** `now`: by `Date.now()`; `before`: an earlier look, for how much was done in a second. */
export function statusLines(executors: readonly ExecutorStatus[], now: number, before?: Before): string[] {
  const services = [...groups(executors, ({ service }) => service).values()]
  return services.flatMap((those, i) => [...(i > 0 ? [''] : []), ...linesOfService(those, now, before)])
}

function groups<Item>(items: readonly Item[], nameOf: (item: Item) => string): Map<string, Item[]> {
  const found = new Map<string, Item[]>()
  for (const item of items) {
    const those = found.get(nameOf(item))
    if (those) those.push(item)
    else found.set(nameOf(item), [item])
  }
  return found
}

function linesOfService(executors: ExecutorStatus[], now: number, before: Before | undefined): string[] {
  const functions = executors.flatMap(each => each.functions)
  const byName = groups(functions, ({ name }) => name)
  const doneBefore = new Map(before?.executors.map(({ id, functions: its }) => [id, sum(its, 'requests')]))
  const rate = ({ id, functions: its }: ExecutorStatus) => {
    const done = doneBefore.get(id)
    return done === undefined ? '-' : ((sum(its, 'requests') - done) / before!.seconds).toFixed(1)
  }
  const rows = executors.map(each => [
    printable(each.id, LONGEST.id),
    printable(each.host, LONGEST.host),
    String(each.pid),
    ago(now - Date.parse(each.started)),
    `${each.computing}/${each.slots}`,
    String(each.waiting),
    ...(before ? [rate(each)] : []),
    ...counts(each.functions),
  ])
  const perSecond = before ? ['A SECOND'] : []
  const heads = ['EXECUTOR', 'HOST', 'PID', 'UP', 'SLOTS', 'WAIT', ...perSecond, 'DONE', 'FAILED', 'MEAN']
  return [
    summary(executors),
    ...queueLines(executors),
    ...table([heads, ...rows], 2),
    ...(byName.size > 1 || functions.some(({ lastError }) => lastError !== '')
      ? functionTable(byName, executors.length)
      : []),
  ]
}

/** Each queue group gets each request: where there are several, one is most likely a mistake. */
function queueLines(executors: ExecutorStatus[]): string[] {
  const queues = [...groups(executors, ({ queue }) => queue)]
  if (queues.length === 1) return []
  const each = queues.map(([queue, those]) => `  ${printable(queue, LONGEST.queue)}: ${those.length}`)
  return [`  ${queues.length} queue groups (--queue): each of them computes all requests`, ...each]
}

function summary(executors: ExecutorStatus[]) {
  const { service } = executors[0]!
  const total = (name: 'slots' | 'computing' | 'waiting') => executors.reduce((all, each) => all + each[name], 0)
  const many = `${executors.length} executor${executors.length === 1 ? '' : 's'}`
  return `${printable(service, LONGEST.service)}: ${many}, ${total('computing')} of ${total('slots')} slots busy, ${total('waiting')} waiting`
}

/** Who has a function is told if not all have it: the others answer its requests with 404. */
function functionTable(byName: Map<string, FunctionStatus[]>, executors: number): string[] {
  const isMixed = [...byName.values()].some(those => those.length < executors)
  const longestError = isMixed ? LONGEST.errorBesideAt : LONGEST.error
  const rows = Array.from(byName, ([name, those]) => {
    const last = those.findLast(({ lastError }) => lastError !== '')?.lastError ?? ''
    const where = isMixed ? [`${those.length}/${executors}`] : []
    return [printable(name, LONGEST.function), ...where, ...counts(those), printable(last, longestError)]
  })
  return table([['FUNCTION', ...(isMixed ? ['AT'] : []), 'DONE', 'FAILED', 'MEAN', 'LAST ERROR'], ...rows], 1)
}

/** How many were done and failed, and how long one takes in the mean. */
function counts(functions: FunctionStatus[]): string[] {
  const requests = sum(functions, 'requests')
  const time = functions.reduce((all, each) => all + each.meanMs * each.requests, 0)
  return [String(requests), String(sum(functions, 'errors')), requests === 0 ? '-' : milliseconds(time / requests)]
}

const sum = (functions: FunctionStatus[], name: 'requests' | 'errors') =>
  functions.reduce((all, each) => all + each[name], 0)

/** The first columns, so many, are texts; the others are numbers, but for a last one of texts. */
function table(rows: string[][], texts: number): string[] {
  const widths = rows[0]!.map((_, column) => rows.reduce((most, row) => Math.max(most, row[column]!.length), 0))
  const isText = (column: number) => column < texts || rows[0]![column] === 'LAST ERROR'
  const cell = (text: string, column: number) =>
    isText(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)
  return rows.map(row => `  ${row.map(cell).join('  ')}`.trimEnd())
}

const milliseconds = (ms: number) =>
  ms < 10 ? `${ms.toFixed(2)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`

/** By the clocks of two machines. */
function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  for (const [unit, length] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const)
    // prettier-ignore
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)}${unit}`
  return Number.isNaN(seconds) ? '-' : `${seconds}s`
}
