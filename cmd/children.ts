// Child processes that do not outlive this one, and the environment that they get.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { forget, watchOver } from '../lib/slots/reaper.js'
import { reason } from './reason.js'

const running = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Sees to it that a process ends with this one; says that it does not start, unless another listener does. */
export function adopt<Child extends ChildProcess>(child: Child): Child {
  running.add(child)
  child.on('exit', () => running.delete(child))
  child.on('error', error => {
    running.delete(child)
    if (child.listenerCount('error') === 1) process.stderr.write(`${child.spawnfile}: ${reason(error)}\n`)
  })
  return child
}

/** Sees to it, too, that a process in a group of its own, and that group, end when this one is killed. */
export function adoptGroup<Child extends ChildProcess>(child: Child): Child {
  const { pid } = child
  if (pid !== undefined) {
    watchOver(pid)
    child.on('exit', () => forget(pid))
  }
  return adopt(child)
}

/** Ends adopted processes with SIGTERM and, those that do not go within `graceMs`, with SIGKILL; waits for their end. */
export async function stop(children: Iterable<ChildProcess>, graceMs: number): Promise<void> {
  const left = [...children].filter(child => running.has(child))
  const ends = left.map(child => once(child, 'exit'))
  for (const child of left) child.kill('SIGTERM')
  const timer = setTimeout(() => left.forEach(child => child.kill('SIGKILL')), graceMs)
  await Promise.all(ends)
  clearTimeout(timer)
}

export const stopAll = (graceMs: number) => stop(running, graceMs)

/** This process's environment without what the person has set for a server of their own, and without what `others` says. */
export function plainEnvironment(others?: RegExp): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('NATS_') && !others?.test(name)),
  )
}
