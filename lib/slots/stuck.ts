// Which requests have to wait here for what is computed now, so that somebody else may compute them earlier.
import type { Limit } from '../protocol/dispatch.js'
import type { Slot } from './slot.js'
import { compareTasks, type Task } from './task.js'

/** In the order in which they will be computed. */
export function* stuck<T extends Task>(
  slots: readonly Slot<T>[],
  backlog: readonly T[],
  limits: readonly Limit[],
): Generator<T> {
  const isFree = slots.some(({ room }) => room.free > 0)
  const full = new Set<string>()
  for (const [name, , free] of limits) if (free === 0) full.add(name)
  // Where a slot is free they wait for others of their function alone.
  if (isFree && full.size === 0) return
  const prefetched = slots.flatMap(({ room }) => room.prefetched ?? []).toSorted(compareTasks)
  for (const tasks of [prefetched, backlog])
    for (const task of tasks) if (!isFree || full.has(task.functionName)) yield task
}
