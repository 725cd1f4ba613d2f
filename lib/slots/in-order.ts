// Lists of requests in the order in which they are to be computed. Requests of ten thousand are found in a few comparisons.
import { type Task, compareTasks } from './task.js'

/** Where the first is that `isBeyond`: all behind it are, too. */
function firstOf<T>(tasks: readonly T[], isBeyond: (task: T) => boolean): number {
  let [from, to] = [0, tasks.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (isBeyond(tasks[middle]!)) to = middle
    else from = middle + 1
  }
  return from
}

/** Puts a request in at its place. */
export function insert<T extends Task>(tasks: T[], task: T) {
  const last = tasks.at(-1)
  if (!last || compareTasks(last, task) <= 0) tasks.push(task)
  else
    tasks.splice(
      firstOf(tasks, other => compareTasks(other, task) > 0),
      0,
      task,
    )
}

/** Takes a request out; whether it was there. */
export function remove<T extends Task>(tasks: T[], task: T): boolean {
  if (tasks[0] === task) return tasks.shift() !== undefined
  let at = firstOf(tasks, other => compareTasks(other, task) >= 0)
  while (at < tasks.length && tasks[at] !== task && compareTasks(tasks[at]!, task) === 0) at++
  if (tasks[at] !== task) return false
  tasks.splice(at, 1)
  return true
}
