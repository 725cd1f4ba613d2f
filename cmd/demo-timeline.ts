/** One computation, as drawn in the timeline. Times are milliseconds on one clock. */
export interface Computation {
  /** Index of the row. */
  executor: number
  /** What is written at the beginning of the bar. */
  label: string
  start: number
  end: number
}

/** A computation at its place in a row: `from` is its first column, `to` the one after its last. */
interface Bar {
  label: string
  from: number
  to: number
}

export interface TimelineOptions {
  /** Columns of the terminal that may be used. */
  width: number
  /** Wraps a bar of the given row, for colour. It must not change the number of columns. */
  paint?: (text: string, executor: number) => string
}

/**
 * Draws one row per executor. A bar starts with its label, so a computation that is shorter than one column still shows it.
 * A bar that would touch the one before it moves to the right.
 */
export function timeline(names: string[], computations: Computation[], options: TimelineOptions): string {
  const { width, paint = text => text } = options
  const margin = Math.max(...names.map(name => name.length)) + 1
  const columns = width - margin - 1
  const begin = Math.min(...computations.map(({ start }) => start))
  const duration = Math.max(1, ...computations.map(({ end }) => end - begin))
  const toColumn = (time: number) => Math.round(((time - begin) / duration) * columns)

  const rows = names.map((name, executor) => {
    const bars = computations
      .filter(computation => computation.executor === executor)
      .toSorted((a, b) => a.start - b.start)
      .map(({ label, start, end }) => ({ label, from: toColumn(start), to: toColumn(end) }))
    return `${name.padEnd(margin)}│${draw(separate(bars, columns), text => paint(text, executor))}`
  })
  return [...rows, ...axis(duration, columns).map((line, i) => ' '.repeat(margin) + (i ? ' ' : '└') + line)].join('\n')
}

/** Gives each bar room for its label and keeps one column free between two bars. */
function separate(bars: Bar[], columns: number): Bar[] {
  let free = 0
  const pushed = bars.map(({ label, from, to }) => {
    const start = Math.max(from, free)
    const end = Math.max(to, start + label.length)
    free = end + 1
    return { label, from: start, to: end }
  })
  // What was pushed over the right edge comes back, from the last bar to the first.
  let limit = columns
  return pushed
    .toReversed()
    .map(({ label, from, to }) => {
      const end = Math.min(to, limit)
      const start = Math.max(0, Math.min(from, end - label.length))
      limit = start - 1
      return { label, from: start, to: end }
    })
    .toReversed()
}

function draw(bars: Bar[], paint: (text: string) => string): string {
  let column = 0
  return bars
    .map(({ label, from, to }) => {
      const gap = ' '.repeat(Math.max(0, from - column))
      column = to
      return gap + paint(label.padEnd(to - from, '█'))
    })
    .join('')
}

/** The line with the ticks and the line with their times. */
function axis(duration: number, columns: number): [string, string] {
  const step = niceStep((duration / columns) * 10)
  let ticks = ''
  let times = ''
  for (let time = 0; time <= duration; time += step) {
    const column = Math.round((time / duration) * columns)
    const text = time === 0 ? '0 ms' : String(time)
    if (column + text.length > columns) break
    ticks = `${ticks.padEnd(column, '─')}┬`
    times = times.padEnd(column) + text
  }
  return [ticks.padEnd(columns, '─'), times]
}

/** The smallest of 1, 2, 5, 10, 20, 50, … that is at least `minimum`. */
function niceStep(minimum: number): number {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(minimum)))
  return power * ([1, 2, 5].find(factor => factor * power >= minimum) ?? 10)
}
