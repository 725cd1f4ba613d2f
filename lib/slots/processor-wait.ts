// How long a process was kept from computing by others.
import { readFileSync } from 'node:fs'

/**
 * For how many milliseconds in all the main thread of a process was ready to run, and had no processor; 0 where the system does not
 * say (no /proc, or a kernel that does not count).
 */
export function processorWaitMs(pid: number | undefined): number {
  try {
    const [, waitedNs] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')
    return Number(waitedNs) / 1e6 || 0
  } catch {
    return 0
  }
}
