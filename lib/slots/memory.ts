// How much memory a process takes.
import { closeSync, openSync, readSync } from 'node:fs'

const bytes = Buffer.alloc(128)
let pageMiB = NaN

/** The resident size of a process, in MiB; undefined if it is gone, or where the system does not say (no /proc). */
export function residentMiB(pid: number): number | undefined {
  // Our own /proc may be unreadable just now, too (no descriptor left): it is asked until it has told once.
  if (Number.isNaN(pageMiB)) pageMiB = sizeOfPage()
  const size = residentPages(pid) * pageMiB
  return size >= 0 ? size : undefined
}

/** NaN if it is not known. From a file of a few numbers, since it is read often: /proc/<pid>/status takes three times as long. */
function residentPages(pid: number) {
  let fd: number | undefined
  try {
    fd = openSync(`/proc/${pid}/statm`, 'r')
    const length = readSync(fd, bytes)
    return Number(bytes.toString('latin1', 0, length).split(' ')[1])
  } catch {
    return NaN
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** In MiB; NaN if it is not known. Only multiples of 4 KiB by powers of two exist, and our own size is known in both units. */
function sizeOfPage() {
  try {
    const ratio = process.memoryUsage.rss() / 2 ** 12 / residentPages(process.pid)
    return 2 ** (Math.round(Math.log2(ratio)) + 12 - 20)
  } catch {
    return NaN
  }
}
