// Node.js restores the terminal when it exits, and aborts, with a core dump, if somebody has closed it meanwhile. Of what was put in its
// place Node keeps its hands off.
import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { isatty } from 'node:tty'

const terminals = [0, 1, 2].filter(fd => isatty(fd))

/** Whoever closes the terminal of this process ends it in order, as far as it takes care of SIGHUP. */
export function surviveTerminal() {
  process.on('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) replace(fd)
  })
}

function replace(fd: number) {
  closeSync(fd)
  // It gets the lowest number that is free.
  openSync(devNull, 'r+')
}
