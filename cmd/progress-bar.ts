// How far requests are, on a terminal: one line, which is drawn again and again, and gone at the end.
import { printable } from './printable.js'

const WIDTH = 24
/** Some letters take two columns: what does not fit into the line is not to be on the next one, where nothing wipes it away. */
export const WRAP = { off: '\u001b[?7l', on: '\u001b[?7h' }

interface Progress {
  /** 0–1, if that is known. */
  fraction: number | undefined
  text: string
}

export class ProgressBar {
  readonly #out: NodeJS.WriteStream
  readonly #label: string
  readonly #progress: Progress[]
  #isDrawn = false

  /** `label` stands before it; `count`: of how many requests it tells. */
  constructor(out: NodeJS.WriteStream, label: string, count: number) {
    this.#out = out
    this.#label = label
    this.#progress = Array.from({ length: count }, () => ({ fraction: undefined, text: '' }))
  }

  /** The request with that index is so far. */
  set(index: number, progress: unknown) {
    // A dumb terminal, such as a shell in an editor, would show what moves others.
    if (!this.#out.isTTY || process.env.TERM === 'dumb') return
    this.#progress[index] = readProgress(progress)
    const known = this.#progress.filter(({ fraction }) => fraction !== undefined)
    const sum = known.reduce((total, { fraction }) => total + fraction!, 0)
    const texts = this.#progress.map(({ text }) => text).filter(Boolean)
    this.#draw(
      known.length === 0 ? undefined : sum / this.#progress.length,
      this.#progress.length > 1 ? '' : (texts[0] ?? ''),
    )
  }

  /** That request is answered. */
  done(index: number) {
    this.#progress[index] = { fraction: 1, text: '' }
  }

  /** Makes room for something else that is printed. */
  clear() {
    if (this.#isDrawn) this.#out.write('\r\u001b[K')
    this.#isDrawn = false
  }

  #draw(fraction: number | undefined, text: string) {
    const filled = Math.round(WIDTH * (fraction ?? 0))
    const bar =
      fraction === undefined
        ? ''
        : ` ${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${Math.floor(fraction * 100)} %`
    const line = ` [~] ${this.#label}${bar}${text && ` ${text}`}`
    const fit = printable(line, Math.max(10, this.#out.columns - 2))
    this.#out.write(`\r\u001b[K${WRAP.off}${fit}${WRAP.on}`)
    this.#isDrawn = true
  }
}

function readProgress(progress: unknown): Progress {
  if (typeof progress === 'number') return { fraction: clamp(progress), text: '' }
  if (typeof progress !== 'object' || progress === null) return { fraction: undefined, text: String(progress) }
  const { done, total, text } = progress as { done?: unknown; total?: unknown; text?: unknown }
  const isKnown = typeof done === 'number' && typeof total === 'number' && total > 0
  const words = typeof text === 'string' ? text : isKnown ? `${done} of ${total}` : JSON.stringify(progress)
  return { fraction: isKnown ? clamp(done / total) : undefined, text: words }
}

const clamp = (fraction: number) => (fraction >= 0 ? Math.min(1, fraction) : 0)
