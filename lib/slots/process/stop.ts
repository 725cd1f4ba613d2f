// The end of a slot's process in order: first what user code wants done.
import timers from 'node:timers'
import { stopHooks } from '../stop-hooks.js'
import { STOP_HOOKS_MS } from './setup.js'

// User code may put its own in their place.
const { clearTimeout, setTimeout } = timers

/** Never rejects; what a hook throws is given to `failed`. */
export async function runStopHooks(failed: (error: unknown) => void): Promise<void> {
  const hooks = stopHooks().splice(0)
  if (hooks.length === 0) return
  const all = hooks.map(async hook => {
    try {
      await hook()
    } catch (error) {
      failed(error)
    }
  })
  let timer
  const late = new Promise<void>(resolve => {
    timer = setTimeout(() => {
      failed(new Error(`onStop took longer than ${STOP_HOOKS_MS} ms`))
      resolve()
    }, STOP_HOOKS_MS)
  })
  await Promise.race([Promise.all(all), late])
  clearTimeout(timer)
}
