import { inspect } from 'node:util'

/** Tells a listener after what happens now; what it throws is its user's affair and disturbs nobody. */
export function tellProgress(onProgress: (progress: unknown) => void, progress: unknown) {
  queueMicrotask(() => {
    try {
      onProgress(progress)
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : inspect(error))
    }
  })
}
