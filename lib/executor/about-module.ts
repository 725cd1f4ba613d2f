// Where a module is, what it is called, and whose package it is; and what is wrong with it that can be seen without loading it.
import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * @param named as its user has named it
 * @throws {Error} if it is no file that can be loaded
 */
export function checkModule(url: string, named: string) {
  if (!url.startsWith('file:')) return
  const path = fileURLToPath(url)
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw new Error('there is no such file')
  if (stats.isDirectory())
    throw new Error(`it is a directory: name the module in it, such as ${join(named, 'index.mjs')}`)
}

/** The module's file name, and its package's name and version, where it has one. */
export function aboutModule(url: string): { module: string; package?: string } {
  if (!url.startsWith('file:')) return { module: url.slice(0, 100) }
  const path = fileURLToPath(url)
  const found = packageOf(dirname(path))
  return { module: basename(path), ...(found !== undefined && { package: found }) }
}

function packageOf(folder: string): string | undefined {
  for (let at = folder, up = dirname(at); ; at = up, up = dirname(at)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'))
      if (name !== undefined) return version === undefined ? String(name) : `${name}@${version}`
    } catch {
      // There is none, or it is not to be read.
    }
    if (at === up) return undefined
  }
}
