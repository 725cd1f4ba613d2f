// The lines that the benchmark prints: medians over the runs, and the range if there are several.
import type { Case } from './cases.js'
import { type Run, compare, compareMakespan } from './run.js'
import { mean, median, quantile } from './statistics.js'

export function row({ title, isBursts, limits }: Case, name: string, runs: Run[]): string {
  const lists = runs.flatMap(({ lists }) => lists)
  const isOurs = runs.some(({ messagesPerRequest }) => messagesPerRequest > 0)
  const measured = isBursts
    ? [cell('makespan', lists.map(compareMakespan), limits.makespan, isOurs)]
    : [
        cell(
          'mean',
          lists.map(list => compare(list).mean),
          limits.mean,
          isOurs,
        ),
        cell(
          'p99',
          lists.map(list => compare(list).p99),
          limits.p99,
          isOurs,
        ),
      ]
  const all = lists.flatMap(({ real }) => real)
  return [
    title.padEnd(40),
    name.padEnd(14),
    measured.join('').padEnd(84),
    `mean ${ms(mean(all))} p99 ${ms(quantile(all, 0.99))}`,
    `  a request: ${cpu(runs.map(({ executorMs }) => executorMs))} of executors, ${cpu(runs.map(({ serverMs }) => serverMs))} of servers`,
    isOurs ? `, ${median(runs.map(({ messagesPerRequest }) => messagesPerRequest)).toFixed(2)} messages` : '',
  ].join('')
}

function cell(name: string, values: number[], limit: number | undefined, isOurs: boolean): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(value => value.toFixed(2))
  const range = values.length > 1 ? ` (${least}–${most})` : ''
  const verdict = limit === undefined || !isOurs ? '' : ` ${median(values) <= limit ? '≤' : '> !'} ${limit.toFixed(2)}`
  return `${name} ${median(values).toFixed(3)}${range}${verdict}`.padEnd(42)
}

const cpu = (values: number[]) => `${median(values).toFixed(2)} ms`

const ms = (value: number) => `${value.toFixed(1)} ms`.padStart(10)
