// Why a process has ended, in words for the person whose request it computed, or who wrote its function.

export interface Death {
  code: number | null
  signal: string | null
  hasLoaded: boolean
  /** What it wrote to its standard error last. */
  lastWords: string
  memoryLimit: number
}

/** Node ends a process so whose event loop is empty before its module is loaded. */
const UNSETTLED = 13
/** What V8 says when it gives up. */
const OUT_OF_MEMORY = /out of memory|invalid (table|array) (size|length) Allocation/i
/** Of what Node says then, the file's ending and its path. */
const UNKNOWN_KIND = /Unknown file extension "\.[cm]?ts(x?)" for (.+)$/
/** From this version on Node runs TypeScript unless told otherwise, but none with JSX. */
const RUNS_TYPESCRIPT = '22.18'

export function deathText({ code, signal, hasLoaded, lastWords, memoryLimit }: Death): string {
  // What a library says of another memory is no such end.
  if (signal && OUT_OF_MEMORY.test(lastWords))
    return `the function ran out of memory: the heap limit is ${memoryLimit} MiB`
  if (!hasLoaded && code === UNSETTLED) return 'an `await` outside of its functions never ends'
  if (!hasLoaded) return loadError(lastWords) || `its process ended with ${signal ?? `exit code ${code}`}`
  return `the process of the function ${signal ? `was ended by ${signal}` : `ended with exit code ${code}`}`
}

/** Why there is no process at all. */
export const unstartedText = ({ code, message }: NodeJS.ErrnoException) =>
  `its process cannot be started: ${code === 'EMFILE' ? 'too many open files (see `ulimit -n`)' : message}`

/** What is wrong with a module, and where, from what Node prints of it. */
function loadError(text: string): string {
  const lines = text.split('\n')
  const place = /^(?:file:\/\/)?(\/.*:\d+)$/m.exec(text)?.[1]
  // What is thrown and no error stands below the mark under its line.
  const error =
    // Of a compiler's error the second line says what is wrong.
    /^(?:Uncaught )?\w*Error\b.*(?:(?<=:)\n.+)?/m.exec(text)?.[0].replace('\n', ' ') ??
    /^\s*\^+\n+(.+)$/m.exec(text)?.[1] ??
    lines.find(line => line.trim() !== '') ??
    ''
  // Neither Node's code nor who imports a user's module tells them anything.
  const what = error.replace(/ \[\w+\]:/, ':').replace(/ imported from (\S*slots\/process\/main\.js|data:\S*)$/, '')
  const [, jsx, path] = UNKNOWN_KIND.exec(what) ?? []
  if (path !== undefined)
    return (
      `${path}: Node ${process.versions.node} does not run TypeScript${jsx ? ' with JSX' : ''}: take ` +
      `${jsx ? '' : `Node ${RUNS_TYPESCRIPT} or later, or `}a loader, such as --exec-argv="--import=tsx"`
    )
  return place ? `${decodeURI(place)}: ${what}` : what
}
