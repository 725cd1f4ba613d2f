// One listener on a signal, however many calls are to end with it.

export interface Abortable {
  cancel(reason: unknown): void
}

const bySignal = new WeakMap<AbortSignal, Set<Abortable>>()

function onAbort(this: AbortSignal) {
  const all = bySignal.get(this) ?? []
  for (const each of all) each.cancel(this.reason)
}

/** Cancels `each` when the signal is aborted, if there is one, until `unlisten`. */
export function listen(signal: AbortSignal | undefined, each: Abortable) {
  if (!signal) return
  const all = bySignal.get(signal) ?? new Set()
  if (all.size === 0) signal.addEventListener('abort', onAbort)
  bySignal.set(signal, all.add(each))
}

export function unlisten(signal: AbortSignal | undefined, each: Abortable) {
  const all = signal && bySignal.get(signal)
  if (all?.delete(each) && all.size === 0) signal!.removeEventListener('abort', onAbort)
}
