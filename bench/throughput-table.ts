// What `npm run bench` prints.
import { cpus } from 'node:os'
import type { Load } from './load.js'
import { median } from './statistics.js'

export interface Row {
  name: string
  /** The name of the row that it is compared with, of as many in flight. */
  base: string
  inFlight: number
  loads: (Load & { serverCpuSeconds: number })[]
}

export function printTable(rows: Row[], rounds: number, ms: number) {
  const { model } = cpus()[0]!
  process.stdout.write(
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}, Node ${process.version}\n`,
  )
  process.stdout.write(
    `medians of ${rounds} rounds of ${ms} ms, and their range; ÷ bare: median of the rounds' ratios\n\n`,
  )
  const titles = [
    '',
    'in flight',
    'calls/s',
    'range',
    '÷ bare',
    'p50 ms',
    '÷ bare',
    'p99 ms',
    '÷ bare',
    'µs client',
    'µs executor',
  ]
  const lines = rows.map(row => {
    const base = rows.find(({ name, inFlight }) => name === row.base && inFlight === row.inFlight)!
    const rates = row.loads.map(({ calls, seconds }) => calls / seconds)
    const ratio = (of: (load: Row['loads'][number]) => number) =>
      median(row.loads.map((load, i) => of(load) / of(base.loads[i]!))).toFixed(2)
    const latency = (of: 'p50' | 'p99') =>
      row.name.startsWith('map')
        ? ['', '']
        : [median(row.loads.map(load => load[of])).toFixed(3), ratio(load => load[of])]
    return [
      row.name,
      String(row.inFlight),
      median(rates).toFixed(0),
      `${Math.min(...rates).toFixed(0)}–${Math.max(...rates).toFixed(0)}`,
      ratio(({ calls, seconds }) => calls / seconds),
      ...latency('p50'),
      ...latency('p99'),
      median(row.loads.map(({ cpuSeconds: cpu, calls }) => (cpu / calls) * 1e6)).toFixed(1),
      median(row.loads.map(({ serverCpuSeconds: cpu, calls }) => (cpu / calls) * 1e6)).toFixed(1),
    ]
  })
  const widths = titles.map((title, i) => Math.max(title.length, ...lines.map(line => line[i]!.length)))
  for (const line of [titles, ...lines])
    process.stdout.write(
      `${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}\n`,
    )
}
