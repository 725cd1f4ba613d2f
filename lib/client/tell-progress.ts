// What a function says of how far it is, for whoever asked for it.
import { inspect } from 'node:util'

/** After what happens now; what it throws is its user's affair and disturbs nobody. */
export function tellProgress(onProgress: (progress: unknown) => void, progress: unknown) {
  queueMicrotask(() => {
    try {
      onProgress(progress)
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : inspect(error))
    }
  })
}
