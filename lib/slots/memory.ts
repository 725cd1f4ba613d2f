// How much memory a process takes.
import { closeSync, openSync, readSync } from 'node:fs'

const bytes = Buffer.alloc(128)
let pageMiB: number | undefined

/** The resident size of a process, in MiB; undefined if it is gone, or where the system does not say (no /proc). */
export function residentMiB(pid: number): number | undefined {
  const pages = residentPages(pid)
  return pages === undefined ? undefined : pages * (pageMiB ??= sizeOfPage())
}

/** From a file of a few numbers, since it is read often: /proc/<pid>/status takes three times as long. */
function residentPages(pid: number): number | undefined {
  let fd: number | undefined
  try {
    fd = openSync(`/proc/${pid}/statm`, 'r')
    const length = readSync(fd, bytes)
    return Number(bytes.toString('latin1', 0, length).split(' ')[1])
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** In MiB. Only multiples of 4 KiB by powers of two are known, and our own size is known in both units. */
function sizeOfPage() {
  const ratio = process.memoryUsage.rss() / 2 ** 12 / residentPages(process.pid)!
  return 2 ** (Math.round(Math.log2(ratio)) + 12 - 20)
}
