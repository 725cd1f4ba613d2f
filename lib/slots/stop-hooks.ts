// What user code wants done before its process ends in order.

export type StopHook = () => unknown

// Known by its name, since a module may bring a copy of this package of its own.
const KEY = Symbol.for('nats-executor.stop-hooks')

export const stopHooks = (): StopHook[] => ((globalThis as { [KEY]?: StopHook[] })[KEY] ??= [])

/**
 * Has something done before the process of a slot ends in order, as when the executor stops or the process is replaced: connections
 * closed, caches written. It has 2 s. A process that is ended by force does not come to it.
 */
export function onStop(hook: StopHook): void {
  if (typeof hook !== 'function') throw new TypeError(`expected \`hook\` to be a function, got ${String(hook)}`)
  stopHooks().push(hook)
}
