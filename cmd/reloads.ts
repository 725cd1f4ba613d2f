// Has an executor load its module anew at each change. What is still being loaded when the next change comes is of no use, and may
// never come to its end: its process is ended, and the next load begins.
//
// States: idle → loading → idle, or, when it changes meanwhile, loading again as soon as the process has ended.
import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

export class Reloads {
  readonly #reload: () => Promise<void>
  readonly #told: (error: Error | undefined) => void
  #isLoading = false
  #isStale = false
  #processes: ChildProcess[] = []

  /** `told`: how the loading of the newest change has ended. */
  constructor(reload: () => Promise<void>, told: (error: Error | undefined) => void) {
    this.#reload = reload
    this.#told = told
  }

  /** The module is another one than before. */
  changed() {
    if (!this.#isLoading) return void this.#load()
    this.#isStale = true
    for (const child of this.#processes) child.kill('SIGKILL')
  }

  async #load() {
    this.#isLoading = true
    let error: Error | undefined
    do {
      this.#isStale = false
      const { result, started } = watchStarts(this.#reload)
      this.#processes = started
      // oxlint-disable-next-line no-await-in-loop
      error = await result.then(
        () => undefined,
        (reason: Error) => reason,
      )
    } while (this.#isStale)
    this.#isLoading = false
    this.#told(error)
  }
}

/** Calls `act`, and tells which processes of Node's it has started until it returned. */
function watchStarts<Result>(act: () => Result): { result: Result; started: ChildProcess[] } {
  const all: ChildProcess[] = []
  const note = (message: unknown) => void all.push((message as { process: ChildProcess }).process)
  subscribe('child_process', note)
  try {
    const result = act()
    return { result, started: all.filter(({ spawnfile }) => spawnfile === process.execPath) }
  } finally {
    unsubscribe('child_process', note)
  }
}
