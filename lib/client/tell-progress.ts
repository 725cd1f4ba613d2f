// What a function says of how far it is, for whoever asked for it.
import { inspect } from 'node:util'

/** After what happens now; what it throws, at once or later, is its user's affair and disturbs nobody. */
export function tellProgress(onProgress: ((progress: unknown) => unknown) | undefined, progress: unknown) {
  queueMicrotask(async () => {
    try {
      await onProgress?.(progress)
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : inspect(error))
    }
  })
}
