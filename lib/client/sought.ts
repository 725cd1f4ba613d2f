// Requests of which it is not known who holds them: fresh ones, for a while, then those that all executors are asked for.
import { OftenEmptySet } from '../often-empty.js'
import { Question, type Watch } from './watch.js'

/** A fresh request is sought after this and a round trip: its notice is here by then. */
export const FIRST_MS = 250
/** Those who are asked twice are asked again after this and a round trip. */
export const TWICE_AFTER_MS = 50

export class Sought {
  /** In the order of being sent. */
  readonly #fresh = new OftenEmptySet<Watch>()
  readonly #watches = new OftenEmptySet<Watch>()

  addFresh(watch: Watch) {
    watch.move(this.#fresh)
  }

  add(watch: Watch, askAt: number) {
    watch.move(this.#watches)
    watch.askAt = askAt
  }

  all(): Watch[] {
    return [...this.#fresh, ...this.#watches]
  }

  /** The question that is to be asked now, if there is one; answers are late after a while and `timeoutMs`. */
  nextQuestion(timeoutMs: number, now: number, mostIds: number): Question | undefined {
    for (const watch of this.#fresh) {
      if (watch.sentAt + FIRST_MS + timeoutMs > now) break
      this.add(watch, now)
    }
    const asked: Watch[] = []
    for (const watch of this.#watches) {
      if (asked.length === mostIds) break
      if (!watch.question && watch.askAt <= now) asked.push(watch)
    }
    if (asked.length === 0) return undefined
    const question = new Question(undefined, asked, now, now + TWICE_AFTER_MS + timeoutMs)
    for (const watch of asked) watch.question = question
    return question
  }

  /** The server did not take a question: it is repeated later. */
  refused(question: Question, askAt: number) {
    for (const watch of question.watches) {
      if (watch.question !== question) continue
      watch.question = undefined
      watch.askAt = askAt
    }
  }
}
