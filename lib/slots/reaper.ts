// Ends slots whose executor was killed: a computation that never ends would not notice. A shell waits at the end of a pipe for
// the executor's death and knows the processes that are to end with it; it takes less than a megabyte.
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { spawnProcess } from './spawn-process.js'

const SCRIPT = `
live=
while read -r word pid; do
  next=
  for each in $live; do [ "$each" = "$pid" ] || next="$next $each"; done
  [ "$word" = watch ] && next="$next $pid"
  live=$next
done
for pid in $live; do kill -s KILL -- "-$pid"; done
`

const live = new Set<number>()
let shell: ChildProcess | undefined

/** The process group of that number is to end with this process. */
export function watchOver(pid: number) {
  live.add(pid)
  if (shell) tell('watch', pid)
  else start()
}

export function forget(pid: number) {
  live.delete(pid)
  tell('forget', pid)
  if (live.size > 0) return
  shell?.stdin?.end()
  shell = undefined
}

function start() {
  // Not of the terminal's foreground group, whose signals would end it too early.
  const started = spawnProcess('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  shell = started
  started.on('error', () => {
    // The next slot that starts tries it again.
    if (shell === started) shell = undefined
  })
  // Without a free descriptor it has none.
  const stdin = started.stdin as Socket | undefined
  stdin?.on('error', () => {}).unref()
  started.unref()
  started.on('exit', () => {
    if (shell !== started) return
    shell = undefined
    if (live.size > 0) start()
  })
  for (const pid of live) tell('watch', pid)
}

function tell(word: string, pid: number) {
  if (shell?.stdin?.writable) shell.stdin.write(`${word} ${pid}\n`)
}
