// What the executors' hosts wrote down of their work (work.ts).
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface Entry {
  what: 'start' | 'end'
  id: string
  host: string
  at: number
  sent: number
}

export class Journal {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  file(host: string) {
    return join(this.#folder, host)
  }

  async read(): Promise<Entry[]> {
    const texts = await Promise.all((await readdir(this.#folder)).map(name => readFile(this.file(name), 'utf8')))
    return texts.flatMap(parse).toSorted((a, b) => a.at - b.at)
  }

  async readHost(host: string): Promise<Entry[]> {
    return parse(await readFile(this.file(host), 'utf8').catch(() => ''))
  }
}

const parse = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map(line => {
      const [what, id, host, at, sent] = line.split(' ') as [Entry['what'], string, string, string, string]
      return { what, id, host, at: Number(at), sent: Number(sent) }
    })

/** The requests of which more than one computation began, not counting those on a host that was struck. */
export function computedTwice(entries: Entry[], struck: string | undefined): Set<string> {
  const started = new Set<string>()
  const twice = new Set<string>()
  for (const { what, id, host } of entries)
    if (what === 'start' && host !== struck) (started.has(id) ? twice : started).add(id)
  return twice
}

/** The requests of which a computation began when one had ended already. */
export function computedAgain(entries: Entry[]): Set<string> {
  const ended = new Set<string>()
  const again = new Set<string>()
  for (const { what, id } of entries) {
    if (what === 'end') ended.add(id)
    else if (ended.has(id)) again.add(id)
  }
  return again
}
