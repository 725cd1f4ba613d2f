// The processor time that processes have taken so far, with their children, as Linux tells it.
import { readFileSync } from 'node:fs'

const TICK_MS = 10

/** In milliseconds; NaN where it cannot be known. */
export function cpuMs(pids: number[]): number {
  try {
    return pids.reduce((sum, pid) => sum + own(pid) + cpuMs(childrenOf(pid)), 0)
  } catch {
    return NaN
  }
}

function own(pid: number): number {
  // What follows the name, which is in parentheses: utime and stime are the 14th and 15th field of all.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

export const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number)
