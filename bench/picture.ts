// Draws how many requests take longer than how long: for the ideal, for ours and for a bare NATS queue group.
import { quantile } from './statistics.js'

export interface Curve {
  label: string
  color: string
  width: number
  /** Response times in milliseconds. */
  times: number[]
  /** Where the label stands: beside the curve where it has come down to this share. */
  labelAt: number
  labelSide: 'left' | 'right'
}

const WIDTH = 760
const HEIGHT = 450
const AREA = { left: 76, right: 730, top: 74, bottom: 390 }
const LEAST_SHARE = 0.001
const TIME_TICKS = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000]
const SHARE_TICKS = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
const INK = '#1f2933'
const PALE = '#e3e7eb'
const P99_SHARE = 0.01

export function picture(title: string, subtitle: string, curves: Curve[]): string {
  const all = curves.flatMap(({ times }) => times)
  const shortest = TIME_TICKS.findLast(tick => tick <= quantile(all, 0)) ?? TIME_TICKS[0]!
  // Beyond the longest curve there is room for its label.
  const longest =
    TIME_TICKS.find(tick => curves.every(({ times }) => 2.5 * quantile(times, 1 - LEAST_SHARE) <= tick)) ??
    TIME_TICKS.at(-1)!
  const x = (ms: number) =>
    AREA.left + (Math.log(ms / shortest) / Math.log(longest / shortest)) * (AREA.right - AREA.left)
  const y = (share: number) => AREA.top + (Math.log(share) / Math.log(LEAST_SHARE)) * (AREA.bottom - AREA.top)
  const ticks = TIME_TICKS.filter(tick => tick >= shortest && tick <= longest)

  const grid = [
    ...ticks.map(
      tick =>
        `${line(x(tick), AREA.top, x(tick), AREA.bottom)}${text(x(tick), AREA.bottom + 18, time(tick), 'middle')}`,
    ),
    ...SHARE_TICKS.map(
      share =>
        `${line(AREA.left, y(share), AREA.right, y(share))}${text(AREA.left - 8, y(share) + 4, percent(share), 'end')}`,
    ),
  ]
  const drawn = curves.map(curve => {
    const points = stairs(curve.times, x, y)
    return `<path d="${points}" fill="none" stroke="${curve.color}" stroke-width="${curve.width}" stroke-linejoin="round"/>`
  })
  const labels = curves.map(({ label, color, times, labelAt, labelSide }) => {
    const [offset, anchor] = labelSide === 'left' ? ([-10, 'end'] as const) : ([26, 'start'] as const)
    const p99 = `1 % take more than ${time(quantile(times, 1 - P99_SHARE))}`
    const at = x(quantile(times, 1 - labelAt)) + offset
    return (
      text(at, y(labelAt), label, anchor, `fill="${color}" font-weight="600" font-size="14"`) +
      text(at, y(labelAt) + 16, p99, anchor, `fill="${color}"`)
    )
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12">
<title>${title}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${text(AREA.left, 28, title, 'start', `fill="${INK}" font-weight="600" font-size="17"`)}
${text(AREA.left, 48, subtitle, 'start', 'fill="#52606d" font-size="13"')}
${grid.join('\n')}
${drawn.join('\n')}
${labels.join('\n')}
${text((AREA.left + AREA.right) / 2, HEIGHT - 18, 'response time (logarithmic)', 'middle')}
<g transform="translate(20 ${(AREA.top + AREA.bottom) / 2}) rotate(-90)">${text(0, 0, 'share of requests that take longer', 'middle')}</g>
</svg>
`
}

/** The share that takes longer, as a line; points closer than half a pixel are left out. */
function stairs(times: number[], x: (ms: number) => number, y: (share: number) => number): string {
  const sorted = times.toSorted((a, b) => a - b)
  let path = ''
  let [lastX, lastY] = [-1, -1]
  for (const [i, ms] of sorted.entries()) {
    const share = (sorted.length - i) / sorted.length
    if (share < LEAST_SHARE) break
    const [px, py] = [x(ms), y(share)]
    if (Math.abs(px - lastX) + Math.abs(py - lastY) < 0.5) continue
    path += `${path ? 'L' : 'M'}${px.toFixed(1)} ${py.toFixed(1)}`
    ;[lastX, lastY] = [px, py]
  }
  return path
}

const line = (x1: number, y1: number, x2: number, y2: number) =>
  `<path d="M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}" stroke="${PALE}"/>`

const text = (x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', style = `fill="${INK}"`) =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${style}>${words}</text>`

const percent = (share: number) => `${Number((share * 100).toPrecision(3))} %`
const time = (ms: number) => (ms < 995 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toPrecision(2))} s`)
