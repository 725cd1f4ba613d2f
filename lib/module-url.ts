// The module of a function, as people name it.
import { parse, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** A path is one from the working directory. */
export function moduleUrl(module: string | URL): string {
  if (module instanceof URL) return module.href
  return /^[a-z]+:/.test(module) && !/^[a-z]:[\\/]/i.test(module) ? module : pathToFileURL(resolve(module)).href
}

/** As people write it, and not too long. */
export function shownModule(module: string | URL): string {
  const text = module instanceof URL ? (module.protocol === 'file:' ? fileURLToPath(module) : module.href) : module
  return text.startsWith('data:') && text.length > 50 ? `${text.slice(0, 50)}…` : text
}

/** What a module is called unless its user says otherwise. */
export function nameOf(module: string): string {
  if (module.startsWith('data:')) throw new TypeError('`subject` is needed: a data URL has no name')
  return parse(decodeURIComponent(new URL(module).pathname)).name.replace(/[^A-Za-z0-9_-]/g, '_')
}
