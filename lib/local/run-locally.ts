// Loads a module into slots of one's own.
import { basename } from 'node:path'
import { deferred } from '../deferred.js'
import { nameOf } from '../module-url.js'
import { checkModule, notLoaded, warnWhenSlow } from '../slots/loading.js'
import type { Pool } from '../slots/pool.js'
import type { LocalCall } from './local-call.js'
import { type LocalOptions, fillLocalOptions } from './local-options.js'
import { LocalRunner } from './local-runner.js'

/**
 * Runs the functions of a module in processes of this one, as an executor does, without NATS: for tests, and where one machine is
 * enough. What functions print is printed by this process.
 * @param module a path (from the working directory) or a URL
 * @throws {TypeError | RangeError} for a wrong option
 * @throws {Error} if the module cannot be loaded
 * @example
 * const local = await runLocally(new URL('images.mjs', import.meta.url), { concurrency: 2 })
 * await local.call({ width: 3 }, { function: 'resize' })
 * await local.close()
 */
export async function runLocally(module: string | URL, options: LocalOptions = {}): Promise<LocalRunner> {
  const filled = fillLocalOptions(module, options)
  const { moduleName } = filled
  checkModule(filled.module, moduleName)
  const loaded = deferred<void>()
  let hasLoaded = false
  let runner: LocalRunner | undefined
  const title = `nats-executor local slot ${basename(filled.module)}`
  const warn = (text: string) => process.emitWarning(text)
  const slots = await import('../slots/pool.js')
  const pool: Pool<LocalCall> = new slots.Pool<LocalCall>(
    { ...filled, title },
    {
      started: call => call.started(),
      ended: outcome => outcome.task.ended(outcome),
      interrupted: (call, why) => call.interrupted(why),
      progressed: (call, body) => call.progressed(body),
      argumentFailed: () => {},
      imported: () => {},
      ready: () => loaded.resolve(),
      changed: () => {},
      output: ({ stream, line }) => process[stream].write(`${line}\n`),
      warning: warn,
      failed: error => {
        if (hasLoaded) warn(`a slot has failed to start: ${error.message}`)
        loaded.reject(notLoaded(moduleName, error))
      },
      isWorking: () => {},
      hopeless: error => runner?.fail(error),
    },
  )
  const slow = warnWhenSlow(moduleName, warn)
  try {
    await loaded
    hasLoaded = true
  } catch (error) {
    await pool.close()
    throw error
  } finally {
    clearTimeout(slow)
  }
  return (runner = new LocalRunner(filled.module.startsWith('data:') ? 'module' : nameOf(filled.module), pool))
}
