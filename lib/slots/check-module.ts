// What is wrong with a module that can be seen without loading it.
import { statSync } from 'node:fs'
import { join } from 'node:path'
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
