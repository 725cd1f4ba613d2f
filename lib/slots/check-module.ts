// What is wrong with a module that can be seen without loading it.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** From this version on Node runs TypeScript. */
const RUNS_TYPESCRIPT = [22, 18] as const
const LOADER =
  /^(--import|--loader|--experimental-loader|--require|-r|--experimental-strip-types|--experimental-transform-types)\b/

/**
 * @param named as its user has named it
 * @throws {Error} if it is no file that can be loaded
 */
export function checkModule(url: string, named: string, execArgv: readonly string[]) {
  if (!url.startsWith('file:')) return
  const path = fileURLToPath(url)
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw new Error('there is no such file')
  if (stats.isDirectory())
    throw new Error(`it is a directory: name the module in it, such as ${join(named, 'index.mjs')}`)
  if (/\.[cm]?tsx?$/.test(path) && !runsTypeScript() && !execArgv.some(word => LOADER.test(word)))
    throw new Error(
      `Node ${process.versions.node} does not run TypeScript: take Node ${RUNS_TYPESCRIPT.join('.')} or later, ` +
        'or a loader, such as --exec-argv="--import=tsx"',
    )
}

function runsTypeScript() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > RUNS_TYPESCRIPT[0] || (major === RUNS_TYPESCRIPT[0] && minor >= RUNS_TYPESCRIPT[1])
}
