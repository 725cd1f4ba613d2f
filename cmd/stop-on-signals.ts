// What Ctrl-C and other signals mean for an executor: the first one stops it in order, the second one at once.
import { constants } from 'node:os'
import type { Executor } from '../lib/executor/executor.js'
import { endNow } from './end-now.js'

/** A second signal ends the process within this time. */
const AT_ONCE_MS = 250

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Signals end nothing from here on: `signal` is aborted by the first one. */
export function holdSignals(): { signal: AbortSignal; letGo(): void } {
  const held = new AbortController()
  const note = () => held.abort()
  for (const signal of SIGNALS) process.on(signal, note)
  return {
    signal: held.signal,
    letGo() {
      for (const signal of SIGNALS) process.off(signal, note)
    },
  }
}

/** Tells whether there was one. */
export function stopOnSignals(executor: Executor): { count: number } {
  const signals = { count: 0 }
  for (const signal of SIGNALS)
    process.on(signal, () => {
      signals.count++
      if (signals.count === 1) void executor.stop()
      else {
        const end = () => endNow(128 + constants.signals[signal])
        // Whatever hangs: whoever gives a second signal has waited for long enough.
        setTimeout(end, AT_ONCE_MS)
        if (signals.count === 2) void executor.stopNow().then(end)
        else end()
      }
    })
  return signals
}
