// What the loss detection knows of one call, of one executor that holds calls, and of one question.
import { OftenEmptyMap, OftenEmptySet } from '../often-empty.js'

/** A call, as its loss detection sees it. */
export interface Watched {
  readonly id: string
  /** How often it was lost before. */
  readonly losses: number
  /** Whether it is sent again when it is lost. */
  readonly maySendAgain: boolean
  /** An executor holds it, another one than before or in another state. */
  held(executorId: string, state: State): void
  /** Nobody holds it any more; `hasDied`: whether an executor died while it computed it, undefined if nobody is there to ask. */
  lost(hasDied: boolean | undefined): void
}

/** What was last said of a request; `left`: an executor that is there no longer has it. */
export type State = 'unknown' | 'waiting' | 'computing' | 'left'

export class Watch {
  readonly call: Watched
  /** Whether executors see to it that it is computed. */
  readonly isKept: boolean
  sentAt = 0
  /** Where it stands: among those of a holder, or of those that are looked for; undefined while nothing is under way. */
  place: OftenEmptySet<Watch> | undefined
  holder: Holder | undefined
  state: State = 'unknown'
  /** When its last holder was heard last, if it has none any more. */
  heldAt = -Infinity
  /** The question to all that is under way about it. */
  question: Question | undefined
  /** It is not looked for before. */
  askAt = 0
  /** How often in a row nobody had it, and since when. */
  misses = 0
  missedAt = 0
  /** How often in a row an executor said that it has answered it. */
  answers = 0
  /** Another call with the same id. */
  twin: Watch | undefined

  constructor(call: Watched, isKept = false) {
    this.call = call
    this.isKept = isKept
  }

  /** When it is lost. Else another executor may take it over: whoever has told of what `isKept` has a copy kept elsewhere. */
  get isSentAgainAtOnce() {
    return this.call.maySendAgain && !(this.isKept && this.state !== 'unknown')
  }

  /** Puts it elsewhere, or nowhere. */
  move(place: OftenEmptySet<Watch> | undefined, holder?: Holder) {
    this.place?.delete(this)
    if (this.holder) {
      this.holder.urgent.delete(this)
      this.heldAt = this.holder.heardAt
    }
    this.question = undefined
    this.holder = holder
    place?.add(this)
    this.place = place
  }
}

/** An executor that holds calls. */
export class Holder {
  readonly id: string
  readonly watches = new OftenEmptySet<Watch>()
  /** Those of which it wants to hear soon. */
  readonly urgent = new Set<Watch>()
  askAt: number
  question: Question | undefined
  /** How many questions in a row it has left without an answer. */
  unanswered = 0
  heardAt = 0
  /** The server does not let us ask it. */
  isRefused = false

  constructor(id: string, askAt: number) {
    this.id = id
    this.askAt = askAt
  }

  /** Whether it is there, as far as is known: it would be noticed if it were not. */
  get isHeard() {
    return this.unanswered < 2 && !this.isRefused
  }

  /** It is to be asked at once. */
  hasten(watch: Watch, now: number) {
    this.urgent.add(watch)
    this.askAt = now
  }

  /** It has answered a question. */
  answered(question: Question, now: number) {
    this.heardAt = now
    this.unanswered = 0
    this.isRefused = false
    if (this.question === question) this.question = undefined
  }

  /** It has not answered a question; false if that is not the one that counts. */
  failed(question: Question, askAt: number): boolean {
    if (this.question !== question) return false
    this.question = undefined
    this.unanswered++
    this.askAt = askAt
    return true
  }

  /** The server did not take a question. */
  refused(question: Question, askAt: number) {
    if (this.question !== question) return
    this.question = undefined
    this.isRefused = true
    this.askAt = askAt
  }
}

/** A question to one executor, or to all, about calls; one about none asks who is there. */
export class Question {
  readonly executorId: string | undefined
  readonly watches: readonly Watch[]
  readonly askedAt: number
  readonly answerBy: number
  /** The time is over; what has arrived meanwhile is still read before its silence counts. */
  isOverdue = false

  constructor(executorId: string | undefined, watches: readonly Watch[], askedAt: number, answerBy: number) {
    this.executorId = executorId
    this.watches = watches
    this.askedAt = askedAt
    this.answerBy = answerBy
  }

  /** Whether it is a roll call. */
  get isRoll() {
    return this.watches.length === 0
  }

  /** Each once, though calls may share one. */
  get ids() {
    return [...new Set(this.watches.map(({ call }) => call.id))]
  }
}

/** Calls by their ids; some may have the same. */
export class WatchIndex {
  readonly #byId = new OftenEmptyMap<string, Watch>()

  /** The first call of an id; the others are its twins. */
  get(id: string) {
    return this.#byId.get(id)
  }

  add(watch: Watch) {
    const { id } = watch.call
    watch.twin = this.#byId.get(id)
    this.#byId.set(id, watch)
  }

  delete(watch: Watch) {
    const { id } = watch.call
    let before = this.#byId.get(id)
    if (before === watch) {
      if (watch.twin) this.#byId.set(id, watch.twin)
      else this.#byId.delete(id)
    } else {
      while (before && before.twin !== watch) before = before.twin
      if (before) before.twin = watch.twin
    }
    watch.twin = undefined
  }
}
