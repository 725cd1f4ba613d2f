// Tells when files change that somebody edits. What is watched are their folders, since editors put a new file into the old one's place.
//
// A save is several events, and a file may be missing between two of them: it is told when there was silence for a moment. A folder
// may be replaced as a whole, by a build or by a link to another one; its watcher goes on with the old one, so that is looked for.
// A module may write a file that it imports whenever it is loaded: what is written then as it was is no change, or there would be no end.
import { createHash } from 'node:crypto'
import { type FSWatcher, existsSync, readFileSync, readdirSync, statSync, watch } from 'node:fs'
import { dirname, extname, join } from 'node:path'

const SILENCE_MS = 50
/** Of a file it is told so long after it was loaded; Node may call its hooks in another thread. */
const TOLD_AFTER_MS = 200
/** One that is missing for longer has been deleted. */
const MISSING_MS = 500
const LOOK_MS = 500
/** Writing anew what was there is an echo for so long after a change was told, and after its loading: other slots load it, too. */
const ECHO_MS = { loading: 5000, after: 2000 }

interface Folder {
  /** Which one it is; none for one that is not there. */
  inode: number | undefined
  watcher: FSWatcher | undefined
}

export class FileWatcher {
  readonly #changed: () => Promise<unknown>
  readonly #failed: (folder: string, error: Error) => void
  readonly #files = new Set<string>()
  readonly #endings = new Set<string>()
  readonly #folders = new Map<string, Folder>()
  /** Those of which was heard since it was told last. */
  readonly #heard = new Set<string>()
  /** Digests of what was in the files when that was looked at last. */
  readonly #contents = new Map<string, string>()
  #echoUntil = -Infinity
  #timer: NodeJS.Timeout | undefined
  readonly #lookTimer = setInterval(() => this.#lookForOthers(), LOOK_MS).unref()

  /**
   * `changed` is called when a file was changed, or one came that may be imported, since it is beside the others and of their kind;
   * it resolves when that is loaded. `failed` when a folder cannot be watched.
   */
  constructor(changed: () => Promise<unknown>, failed: (folder: string, error: Error) => void) {
    this.#changed = changed
    this.#failed = failed
  }

  add(file: string) {
    if (this.#files.has(file)) return
    this.#files.add(file)
    this.#endings.add(extname(file))
    const folder = dirname(file)
    if (!this.#folders.has(folder)) this.#watch(folder)
    // It was loaded a moment ago, and may have been changed since.
    const { mtimeMs = -Infinity } = statSync(file, { throwIfNoEntry: false }) ?? {}
    if (Date.now() - mtimeMs < TOLD_AFTER_MS) this.#hear(file, false)
    else this.#hasChanged(file)
  }

  close() {
    clearTimeout(this.#timer)
    clearInterval(this.#lookTimer)
    for (const { watcher } of this.#folders.values()) watcher?.close()
    this.#folders.clear()
  }

  #watch(folder: string) {
    this.#folders.get(folder)?.watcher?.close()
    const found: Folder = { inode: inodeOf(folder), watcher: undefined }
    this.#folders.set(folder, found)
    try {
      const known = new Set(readdirSync(folder))
      const watcher = watch(folder, (_, name) => this.#hear(join(folder, name ?? ''), !known.has(name ?? '')))
      watcher.on('error', error => this.#failed(folder, error))
      found.watcher = watcher
    } catch (error) {
      // One that is gone may come back.
      if (existsSync(folder)) this.#failed(folder, error as Error)
    }
  }

  #hear(file: string, isNew: boolean) {
    const isMissingFolder = this.#folders.has(file) && !this.#folders.get(file)!.watcher
    const isOfTheirKind = isNew && this.#endings.has(extname(file)) && existsSync(file)
    if (!this.#files.has(file) && !isMissingFolder && !isOfTheirKind) return
    this.#heard.add(file)
    this.#later(SILENCE_MS)
  }

  #later(ms: number) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(ms), ms)
  }

  #look(afterMs: number) {
    const isMissing = [...this.#heard].some(file => !existsSync(file))
    if (isMissing && afterMs < MISSING_MS) return this.#later(MISSING_MS)
    const changes = [...this.#heard].filter(file => this.#hasChanged(file))
    this.#heard.clear()
    // A folder may have been deleted and made anew, which its watcher does not notice.
    for (const folder of this.#folders.keys()) this.#watch(folder)
    if (changes.length > 0 || performance.now() > this.#echoUntil) void this.#tell()
  }

  async #tell() {
    const from = performance.now()
    const told = (this.#echoUntil = from + ECHO_MS.loading)
    const isLoaded = await this.#changed().then(
      () => true,
      () => false,
    )
    if (this.#echoUntil !== told) return
    // Who saves a file again after a failure wants it to be tried again.
    this.#echoUntil = isLoaded ? 3 * performance.now() - 2 * from + ECHO_MS.after : -Infinity
  }

  /** What cannot be read has: it is missing, or a folder. */
  #hasChanged(file: string): boolean {
    const [before, now] = [this.#contents.get(file), digestOf(file)]
    if (now === undefined) this.#contents.delete(file)
    else this.#contents.set(file, now)
    return now === undefined || now !== before
  }

  /** One that is gone may come back, with all that is in it; or another one is in its place. */
  #lookForOthers() {
    for (const [folder, { inode }] of this.#folders) {
      const now = inodeOf(folder)
      if (now === undefined || now === inode) continue
      this.#watch(folder)
      this.#heard.add(folder)
      this.#later(SILENCE_MS)
    }
  }
}

function inodeOf(folder: string): number | undefined {
  try {
    return statSync(folder).ino
  } catch {
    return undefined
  }
}

function digestOf(file: string): string | undefined {
  try {
    // Reading a pipe may wait for ever.
    if (!statSync(file).isFile()) return undefined
    return createHash('sha256').update(readFileSync(file)).digest('base64')
  } catch {
    return undefined
  }
}
