export const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** The smallest value that `share` of all values do not exceed. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}

export function median(values: number[]): number {
  return (quantile(values, 0.5) + quantile(values, 0.5 + 1e-9)) / 2
}
