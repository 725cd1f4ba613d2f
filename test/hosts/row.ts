// What came of a scenario for one kind of client, and the table of it.
import type { Caller, Kind } from './calls.js'

export interface Row {
  scenario: string
  kind: Kind
  calls: number
  answered: number
  wrong: number
  /** Requests computed more than once. */
  twice: number
  /** Replies beyond the first of a request; the library's are not seen from here. */
  doubled: number
  /** The worst delay beyond the ideal, in milliseconds. */
  worst: number
  /** What is against the rules, in words. */
  failures: string[]
  /** What else is worth knowing. */
  notes: string[]
  /** Where nothing can be asked for, since a plain client is on its own there. */
  isJudged: boolean
}

/** A longer pause of a client's makes its times doubtful. */
const STALL_MS = 250

export function startRow(scenario: string, caller: Caller, twice: Set<string>): Row {
  const { kind, calls, doubled, longestStall } = caller
  const answers = calls.filter(({ error }) => error === undefined)
  const wrong = answers.filter(({ isRight }) => !isRight).length
  const errors = new Map<string, number>()
  for (const { error } of calls) if (error !== undefined) errors.set(error, (errors.get(error) ?? 0) + 1)
  const failures = [...errors].map(([error, count]) => `${count} × ${error}`)
  if (wrong > 0) failures.push(`${wrong} wrong`)
  if (calls.length === 0) failures.push('no calls')
  return {
    scenario,
    kind,
    calls: calls.length,
    answered: answers.length,
    wrong,
    twice: calls.filter(({ id }) => twice.has(id)).length,
    doubled,
    worst: 0,
    failures,
    notes:
      longestStall > STALL_MS
        ? [`this machine is busy: its client stood still for ${Math.round(longestStall)} ms`]
        : [],
    isJudged: true,
  }
}

const WIDTHS = [44, 9, 6, 9, 6, 6, 8, 10]
const line = (cells: (string | number)[]) =>
  cells.map((cell, i) => (i < 2 ? String(cell).padEnd(WIDTHS[i]!) : String(cell).padStart(WIDTHS[i] ?? 0))).join(' ')

export const heading = line([
  'scenario',
  'client',
  'calls',
  'answered',
  'wrong',
  'twice',
  'doubled',
  'worst',
  ' verdict',
])

export function format(row: Row): string {
  const { scenario, kind, calls, answered, wrong, twice, doubled, worst, failures, notes, isJudged } = row
  const verdict = isFailure(row) ? ' FAIL' : isJudged ? ' pass' : ' (not judged)'
  const remarks = [...failures, ...notes].map(text => `\n    ${text}`).join('')
  const seconds = `${(worst / 1000).toFixed(2)} s`
  return line([scenario, kind, calls, answered, wrong, twice, doubled, seconds, verdict]) + remarks
}

export const isFailure = ({ failures, isJudged }: Row) => isJudged && failures.length > 0
