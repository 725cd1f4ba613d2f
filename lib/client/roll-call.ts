// Whether an executor may have died with a request of which nobody has said anything.
//
// Not while one that we know stands still: the request lies unread there. Not if nobody at all answers: who took it may be
// somebody else, who only listens. One roll call at a time, from `start` until all have answered or their time is over.
//
// Where somebody listens to everything, as a person with a tap does, the server never says that nobody is there. So a roll call also asks
// an executor that there is none of: if the server has that question and does not even tell of it, and nobody answers, the service is
// deserted until one is met.
import { Question } from './watch.js'

const LEAST_MS = 500
/** More executors are not remembered. */
const MOST_KNOWN = 256
/** Who has said something within this time is there. */
const LIVELY_MS = 2000
/** Who knows no more than that many asks all. */
const FEW = 3
/** The id of no executor. */
export const NOBODY = 'nobody'

export class RollCall {
  /** Executors that have said something and are not known to be gone, and when; the latest last. */
  readonly #known = new Map<string, number>()
  readonly #open = new Set<Question>()
  #isHere = false
  #isSilent = false
  /** Whether the server, or that we may not ask, tells who is not there; or the server is known not to tell it. */
  #isTold = false
  #isUntold = false
  /** Nobody has answered the last one, though the server did not say that nobody is there. */
  isDeserted = false

  get isUnderWay() {
    return this.#open.size > 0
  }

  /** An executor has said something. */
  met(executorId: string, now: number) {
    this.isDeserted = false
    this.#known.delete(executorId)
    if (this.#known.set(executorId, now).size > MOST_KNOWN) this.#known.delete(this.#known.keys().next().value!)
  }

  /** The server does not know it any more. */
  gone(executorId: string) {
    this.#known.delete(executorId)
  }

  /** Those that have said something lately. */
  lively(now: number): string[] {
    return [...this.#known].filter(([, metAt]) => metAt > now - LIVELY_MS).map(([executorId]) => executorId)
  }

  /** The questions that are to be asked; an answer is late after `timeoutMs`, or half a second. */
  start(now: number, timeoutMs: number): Iterable<Question> {
    const waitMs = Math.max(LEAST_MS, timeoutMs)
    this.#isHere = this.#isSilent = this.#isTold = this.#isUntold = false
    const asksAll = this.#known.size <= FEW || this.lively(now).length === 0
    const executorIds = [...this.#known.keys(), ...(asksAll ? [undefined, NOBODY] : [])]
    for (const executorId of executorIds) this.#open.add(new Question(executorId, [], now, now + waitMs))
    return [...this.#open]
  }

  answered(question: Question) {
    this.#open.delete(question)
    this.#isHere = true
  }

  /** Nobody is there, or it is not known. */
  failed(question: Question, isGone: boolean) {
    this.#open.delete(question)
    const { executorId } = question
    if (executorId === NOBODY || executorId === undefined) this.#isTold ||= isGone
    else if (isGone) this.#known.delete(executorId)
    else this.#isSilent = true
    this.#settle()
  }

  /** The server has the question to nobody, and does not say so. */
  untold(question: Question) {
    this.#open.delete(question)
    this.#isUntold = true
    this.#settle()
  }

  /** Who may not ask does not know. */
  refused(question: Question) {
    this.#isTold = true
    this.failed(question, false)
  }

  #settle() {
    if (!this.isUnderWay) this.isDeserted = !this.#isHere && this.#isUntold && !this.#isTold
  }

  /** After the end: whether one has died; undefined if nobody is there. */
  get verdict(): boolean | undefined {
    return this.#isSilent ? false : this.#isHere || undefined
  }

  /** The connection was down: no answer will come. */
  abort() {
    this.#open.clear()
    this.isDeserted = false
  }
}
