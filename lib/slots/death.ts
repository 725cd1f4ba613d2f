// Why a process has ended, in words for the person whose request it computed, or who wrote its function.

export interface Death {
  code: number | null
  signal: string | null
  hasLoaded: boolean
  /** What it wrote to its standard error last. */
  lastWords: string
  memoryLimit: number
}

/** What V8 says when it gives up. */
const OUT_OF_MEMORY = /out of memory|invalid (table|array) (size|length) Allocation/i

export function deathText({ code, signal, hasLoaded, lastWords, memoryLimit }: Death): string {
  if (OUT_OF_MEMORY.test(lastWords)) return `the function ran out of memory: the heap limit is ${memoryLimit} MiB`
  if (!hasLoaded) return loadError(lastWords) || `its process ended with ${signal ?? `exit code ${code}`}`
  return `the process of the function ${signal ? `was ended by ${signal}` : `ended with exit code ${code}`}`
}

/** What is wrong with a module, and where, from what Node prints of it. */
function loadError(text: string): string {
  const lines = text.split('\n')
  const place = /^(?:file:\/\/)?(\/.*:\d+)$/m.exec(text)?.[1]
  // What is thrown and no error stands below the mark under its line.
  const error =
    lines.find(line => /^(Uncaught )?\w*Error\b/.test(line)) ??
    /^\s*\^+\n+(.+)$/m.exec(text)?.[1] ??
    lines.find(line => line.trim() !== '') ??
    ''
  // Neither Node's code nor who imports a user's module tells them anything.
  const what = error.replace(/ \[\w+\]:/, ':').replace(/ imported from \S*slots\/process\/main\.js$/, '')
  return place ? `${decodeURI(place)}: ${what}` : what
}
