// The questions of a loss detection that are under way, and their pace: many calls are not asked for all at once.
import type { Question } from './watch.js'

/** No more ids than that are asked for in a millisecond. */
const IDS_PER_MS = 10

export class OpenQuestions {
  readonly #ask: (question: Question) => void
  readonly #mostIds: () => number
  /** The oldest first. */
  readonly #questions = new Set<Question>()
  #askFrom = 0

  /** `ask` sends a question. */
  constructor(ask: (question: Question) => void, mostIds: () => number) {
    this.#ask = ask
    this.#mostIds = mostIds
  }

  /** How many ids one may have. */
  get mostIds() {
    return this.#mostIds()
  }

  /** Whether the next one may be sent. */
  mayAsk(now: number) {
    return this.#askFrom <= now
  }

  send(question: Question) {
    this.#askFrom = question.askedAt + question.watches.length / IDS_PER_MS
    this.#questions.add(question)
    this.#ask(question)
  }

  /** It is over; false if it was so before. */
  end(question: Question) {
    return this.#questions.delete(question)
  }

  /** No answer will come. */
  clear() {
    this.#questions.clear()
  }

  /** Those whose silence counts: their time was over at the last look already, and what had arrived by then is read. */
  silent(now: number): Question[] {
    const late = [...this.#questions].filter(({ answerBy }) => answerBy <= now)
    const silent = late.filter(({ isOverdue }) => isOverdue)
    for (const question of late) question.isOverdue = true
    return silent
  }
}
