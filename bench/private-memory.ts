// What a process shares with no other one, as Linux tells it.
import { readFileSync } from 'node:fs'

export function privateMiB(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  const sizes = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].map(([, kiB]) => Number(kiB))
  return sizes.reduce((sum, kiB) => sum + kiB, 0) / 1024
}
