// How to write to what may never take it.
import { constants, fstatSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants

/**
 * A descriptor of the standard output (1) or error (2) on which `writeSync` throws `EAGAIN` where it would wait. A pipe
 * or a terminal is opened once more: to make the inherited description non-blocking would do it to all that share it,
 * the user's shell among them.
 */
export function openUnblocked(fd: 1 | 2): number {
  // A regular file never lets wait, and its position is shared with those that write to it before and after.
  if (fstatSync(fd).isFile()) return fd
  // A terminal may be another user's, and is then not opened by its own name.
  for (const path of [`/proc/self/fd/${fd}`, ...(isatty(fd) ? ['/dev/tty'] : [])])
    try {
      return openSync(path, O_WRONLY | O_NONBLOCK | O_NOCTTY)
    } catch {}
  // A socket cannot be opened again. Node.js makes it non-blocking with its stream, and blocking again at its exit.
  void (fd === 1 ? process.stdout : process.stderr)
  return fd
}
