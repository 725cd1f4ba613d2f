// Hooks of Node's loader that tell which files are loaded. Also the module of the thread in which Node before 22.15 calls hooks.
import { fileURLToPath } from 'node:url'
import type { MessagePort } from 'node:worker_threads'

type Next = (what: string, context: unknown) => unknown

export interface Hooks {
  resolve(specifier: string, context: unknown, next: Next): unknown
  load(url: string, context: unknown, next: Next): unknown
}

export const importHooks = (tell: (url: string) => void): Hooks => ({
  resolve(specifier, context, next) {
    // One that is missing may come.
    const missing = (error: any): never => {
      if (typeof error?.url === 'string') tell(error.url)
      throw error
    }
    try {
      const resolved = next(specifier, context)
      return resolved instanceof Promise ? resolved.catch(missing) : resolved
    } catch (error) {
      return missing(error)
    }
  },
  load(url, context, next) {
    tell(url)
    return next(url, context)
  },
})

/** The path of a file that somebody may edit: no package's, and nothing of Node's. */
export function fileOf(url: string): string | undefined {
  return url.startsWith('file:') && !url.includes('/node_modules/') ? fileURLToPath(url) : undefined
}

const { resolve, load } = importHooks(url => port.postMessage(url))
let port: MessagePort
export { resolve, load }

/** Node calls it in that thread. */
export function initialize(given: MessagePort) {
  port = given
}
