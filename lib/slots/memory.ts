// How much memory a process takes.
import { readFileSync } from 'node:fs'

/** The resident size of a process, in MiB; undefined if it is gone, or where the system does not say (no /proc). */
export function residentMiB(pid: number): number | undefined {
  try {
    const kiB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return kiB === undefined ? undefined : Number(kiB) / 1024
  } catch {
    return undefined
  }
}
