// Where a module is, what it is called, and whose package it is.
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

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
