// What whoever loads a module has to say about it: what is wrong can sometimes be seen without loading it.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A module that loads for so long is worth a word. */
const SLOW_LOAD_MS = 2000

/** `named`: as its user has named it. */
export const notLoaded = (named: string, cause: Error) => new Error(`cannot load ${named}: ${cause.message}`, { cause })

/** Warns after a while, unless the timer is cleared. */
export const warnWhenSlow = (named: string, warn: (text: string) => void) =>
  setTimeout(warn, SLOW_LOAD_MS, `still loading ${named}`)

/** @throws {Error} if it is no file that can be loaded */
export function checkModule(url: string, named: string) {
  if (!url.startsWith('file:')) return
  const stats = statOf(fileURLToPath(url), named)
  if (!stats) throw notLoaded(named, new Error('there is no such file'))
  if (stats.isDirectory())
    throw notLoaded(named, new Error(`it is a directory: name the module in it, such as ${join(named, 'index.mjs')}`))
}

function statOf(path: string, named: string) {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    // It may be a link to itself.
    throw notLoaded(named, error as Error)
  }
}
