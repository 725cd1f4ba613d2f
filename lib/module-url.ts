// The module of a function, as people name it.
import { parse, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expected } from './check-options.js'

/** The URL of a module, and its name as its user writes it. A path is one from the working directory. */
export function readModule(module: string | URL) {
  if (typeof module !== 'string' && !((module as unknown) instanceof URL))
    throw new TypeError(expected('module', "a module's path or URL", module))
  const url = urlOf(module)
  if (!URL.canParse(url) || !isDecodable(url))
    throw new RangeError(expected('module', "a module's path or URL", module))
  return { module: url, moduleName: shownModule(module) }
}

function isDecodable(text: string) {
  try {
    return decodeURI(text) !== ''
  } catch {
    return false
  }
}

function urlOf(module: string | URL): string {
  if (module instanceof URL) return module.href
  return /^[a-z]+:/.test(module) && !/^[a-z]:[\\/]/i.test(module) ? module : pathToFileURL(resolve(module)).href
}

/** As people write it, and not too long. */
function shownModule(module: string | URL): string {
  const text = module instanceof URL ? (module.protocol === 'file:' ? fileURLToPath(module) : module.href) : module
  return text.startsWith('data:') && text.length > 50 ? `${text.slice(0, 50)}…` : text
}

const fileNameOf = (module: string) => parse(decodeURIComponent(new URL(module).pathname)).name

/** A module's name with the letters that a subject may have. */
export const nameOf = (module: string) => fileNameOf(module).replace(/[^A-Za-z0-9_-]/g, '_')

/** The service of a module unless its user says otherwise. */
export function serviceOf(module: string): string {
  if (module.startsWith('data:')) throw new TypeError('`service` is needed: a data URL has no name')
  const name = nameOf(module)
  // All such modules would be one service, and compute each other's requests.
  if (/^_+$/.test(name) && name !== fileNameOf(module))
    throw new TypeError(`\`service\` is needed: "${fileNameOf(module)}" has none of the letters A-Z a-z 0-9`)
  return name
}
