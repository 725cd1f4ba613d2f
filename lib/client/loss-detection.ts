// Finds out which requests of a client nobody holds any more. It is told what was sent and heard, and the time, and says what is
// to be asked and what is lost; its owner has the timer (`tick`, about every 25 ms) and the connection.
//
// A request under way is fresh (sent, and nobody has said anything of it yet) → held, as a notice or an answer says, or sought:
// nobody has said anything for FIRST_MS and a round trip, or who held it no longer does → judged (nobody has it, and a roll call
// is to say whether an executor died) → lost. Executors are asked, not requests: a holder twice a second, with all ids; all
// executors together for those that are sought.
//
// - A holder is gone that the server does not know, or that leaves two questions in a row without an answer. Its requests are lost.
// - A sought request is lost when nobody had it twice. One that is not sent again is sought for LAST_CHANCE_MS: it may lie
//   unread before an executor that has no time. So is one that is detached: the executor that keeps a copy takes it over.
// - Silence counts when what has arrived by then is read: one `tick` later, since a timer of a blocked event loop fires first.
// - After the connection was down nothing is lost for RETURN_MS: executors may be back later than we are.
// - As long as no question ever had an answer, "nobody is there" does not prove that a holder is gone: it has sent a notice, so
//   perhaps our questions go nowhere, as from another account.
import { OftenEmptySet } from '../often-empty.js'
import { MAX_IDS, type Status } from '../protocol/hold.js'
import { Holders } from './holders.js'
import { OpenQuestions } from './open-questions.js'
import type { Outcome } from './questions.js'
import { RollCall } from './roll-call.js'
import { RoundTrip } from './round-trip.js'
import { FIRST_MS, Sought, TWICE_AFTER_MS } from './sought.js'
import { type Holder, type Question, type State, type Watch, WatchIndex } from './watch.js'

const LAST_CHANCE_MS = 2000
/** Longer than an executor takes to find a server that is there again. */
const RETURN_MS = 1000
/** A reply that is sent again is here by then. */
const REPLY_MS = 1000
/** So often its answer may be on its way. */
const MOST_ANSWERS = 2
/** The server does not let us ask: questions are repeated after this. */
const REFUSED_MS = 5000
/** What was lost has a notice at once, if it arrives; again and again it is sought later, up to this doubled that many times. */
const AGAIN_MS = 50
const MOST_DOUBLINGS = 4

export class LossDetection {
  readonly roundTrip = new RoundTrip()
  readonly #questions: OpenQuestions
  readonly #roll = new RollCall()
  readonly #index = new WatchIndex()
  readonly #holders = new Holders()
  readonly #sought = new Sought()
  readonly #judged = new OftenEmptySet<Watch>()
  /** Told when the state has settled. */
  readonly #news: (() => void)[] = []
  /** Whether a question was ever answered. */
  #isReached = false
  #isSeekersTurn = false
  #upSince = 0
  #lossFrom = 0

  /** `ask` sends a question, which has so many ids at most; what comes of it is told later, by `heard`. */
  constructor(ask: (question: Question) => void, mostIds = () => MAX_IDS) {
    this.#questions = new OpenQuestions(ask, mostIds)
  }

  /** A call's request was sent, for the first time or again. */
  sent(watch: Watch, now: number) {
    if (!watch.place) this.#index.add(watch)
    watch.sentAt = now
    watch.state = 'unknown'
    watch.misses = watch.answers = 0
    const { losses } = watch.call
    const { timeoutMs } = this.roundTrip
    if (losses === 0) this.#sought.addFresh(watch)
    else this.#sought.add(watch, now + AGAIN_MS * 2 ** Math.min(losses - 1, MOST_DOUBLINGS) + timeoutMs)
  }

  /** Nothing of a call is under way any more. */
  forget(watch: Watch) {
    if (!watch.place) return
    watch.move(undefined)
    this.#index.delete(watch)
  }

  /** Whether another call is under way with the same id. */
  isShared(watch: Watch) {
    const first = this.#index.get(watch.call.id)
    return first !== undefined && (first !== watch || watch.twin !== undefined)
  }

  /** An executor has said something. */
  met(executorId: string, now: number) {
    this.#roll.met(executorId, now)
  }

  /** The server does not know an executor any more. */
  missing(executorId: string) {
    this.#roll.gone(executorId)
  }

  /** Executors that are there, as far as is known. */
  lively(now: number): string[] {
    return this.#roll.lively(now)
  }

  /** Whether nobody is there, though the server does not say so, as when somebody listens to everything. */
  get isDeserted() {
    return this.#roll.isDeserted
  }

  /** An executor has told that it holds a request; `isUrgent`: and that it wants to hear whether its client is there. */
  noticed(watch: Watch, executorId: string, state: State | undefined, isUrgent: boolean, now: number) {
    this.met(executorId, now)
    if (!watch.place) return
    const holder = this.#held(watch, executorId, state ?? watch.state, now)
    if (isUrgent) holder.hasten(watch, now)
    this.#tell()
  }

  /** The connection is up again: whatever was sent before may be lost, and no answer to what was asked comes. */
  connected(now: number) {
    this.#upSince = now
    this.#lossFrom = now + RETURN_MS + this.roundTrip.timeoutMs
    this.#questions.clear()
    this.#roll.abort()
    this.#holders.connected(now)
    for (const watch of [...this.#sought.all(), ...this.#judged]) this.#sought.add(watch, now)
  }

  /** No call is under way, and no `tick` comes: questions would keep their calls alive. */
  rest() {
    this.#questions.clear()
    this.#roll.abort()
    this.#holders.clear()
  }

  /** Time has passed. */
  tick(now: number) {
    for (const question of this.#questions.silent(now)) this.#failed(question, false, now)
    // Each of them may have so much to ask that nothing is left for the other.
    this.#isSeekersTurn = !this.#isSeekersTurn
    if (this.#isSeekersTurn) this.#seek(now)
    this.#askHolders(now)
    if (!this.#isSeekersTurn) this.#seek(now)
    this.#tell()
  }

  /** What came of a question; an answer may be late, and to one that went to all there may be many. */
  heard(question: Question, outcome: Outcome, now: number) {
    if (outcome === 'refused') this.#refused(question, now)
    else if (outcome === 'nobody') this.#failed(question, true, now)
    else this.#answered(question, outcome, now)
    this.#tell()
  }

  /** The server has a question and will not say any more whether somebody else has. */
  untold(question: Question) {
    if (this.#questions.end(question)) this.#endRoll(() => this.#roll.untold(question))
    this.#tell()
  }

  #answered(question: Question, status: Status, now: number) {
    const { executorId, moved = {} } = status
    this.#isReached = true
    this.met(executorId, now)
    this.roundTrip.add(now - question.askedAt)
    if (question.isRoll) {
      if (this.#questions.end(question)) this.#endRoll(() => this.#roll.answered(question))
      return
    }
    this.#holders.get(executorId)?.answered(question, now)
    for (const id of status.waiting ?? []) this.#said(id, executorId, executorId, 'waiting', now)
    for (const id of status.computing ?? []) this.#said(id, executorId, executorId, 'computing', now)
    for (const id of Object.keys(moved)) this.#said(id, executorId, moved[id]!, 'waiting', now)
    for (const id of status.answered ?? []) this.#left(id, executorId, true, now)
    if (question.executorId === undefined) return
    this.#questions.end(question)
    for (const id of status.missing ?? []) this.#left(id, executorId, false, now)
  }

  /** An executor says who holds a request; what another one holds it does not know. */
  #said(id: string, by: string, executorId: string, state: State, now: number) {
    for (let watch = this.#index.get(id); watch; watch = watch.twin) {
      if (watch.holder && watch.holder.id !== by) continue
      const holder = this.#held(watch, executorId, state, now)
      if (executorId !== by) holder.hasten(watch, now)
    }
  }

  /** An executor says that it no longer has a request. */
  #left(id: string, by: string, isAnswered: boolean, now: number) {
    for (let watch = this.#index.get(id); watch; watch = watch.twin) {
      if (watch.holder ? watch.holder.id !== by : !isAnswered) continue
      // The answer goes where nobody listens any more.
      if (isAnswered && ++watch.answers > MOST_ANSWERS) {
        this.#lose(watch, false)
        continue
      }
      watch.state = 'left'
      watch.misses = 0
      this.#sought.add(watch, isAnswered ? now + REPLY_MS + this.roundTrip.timeoutMs : now)
    }
  }

  #held(watch: Watch, executorId: string, state: State, now: number): Holder {
    // The first question of all is to show that questions arrive.
    const holder = this.#holders.meet(executorId, !this.#isReached, now)
    if (watch.holder !== holder || watch.state !== state) this.#news.push(() => watch.call.held(executorId, state))
    if (watch.holder !== holder) watch.move(holder.watches, holder)
    watch.state = state
    watch.misses = 0
    return holder
  }

  #askHolders(now: number) {
    while (this.#questions.mayAsk(now)) {
      const question = this.#holders.nextQuestion(this.roundTrip.timeoutMs, now, this.#questions.mostIds)
      if (!question) return
      this.#questions.send(question)
    }
  }

  #seek(now: number) {
    if (!this.#questions.mayAsk(now)) return
    const question = this.#sought.nextQuestion(this.roundTrip.timeoutMs, now, this.#questions.mostIds)
    if (question) this.#questions.send(question)
  }

  /** Nobody is there, as the server says, or nobody has answered in time. */
  #failed(question: Question, isNobody: boolean, now: number) {
    if (!this.#questions.end(question)) return
    const { executorId } = question
    if (question.isRoll) this.#endRoll(() => this.#roll.failed(question, isNobody))
    else if (executorId !== undefined) this.#unanswered(question, isNobody, now)
    else for (const watch of question.watches) if (watch.question === question) this.#missed(watch, isNobody, now)
  }

  #unanswered(question: Question, isNobody: boolean, now: number) {
    const holder = this.#holders.get(question.executorId!)
    if (!holder?.failed(question, isNobody ? now + FIRST_MS : now)) return
    if (now < this.#lossFrom || !(isNobody || holder.unanswered >= 2)) return
    if (this.#isReached) return this.#gone(holder, now)
    holder.askAt = now + RETURN_MS
    this.#callRoll(now)
  }

  #gone(holder: Holder, now: number) {
    this.#holders.delete(holder)
    this.missing(holder.id)
    for (const watch of holder.watches) {
      this.#sought.add(watch, now)
      // What it did after the connection was down is not known.
      if (holder.heardAt < this.#upSince) watch.state = 'left'
      watch.misses = 2
      watch.missedAt = now
      if (watch.isSentAgainAtOnce) this.#lose(watch, watch.state === 'computing')
    }
  }

  /** Nobody has a request that is sought. */
  #missed(watch: Watch, isNobody: boolean, now: number) {
    watch.question = undefined
    watch.askAt = isNobody ? now + TWICE_AFTER_MS + this.roundTrip.timeoutMs : now
    if (now < this.#lossFrom) return
    if (watch.misses++ === 0) watch.missedAt = now
    if (watch.misses < 2) return
    if (!watch.isSentAgainAtOnce && now - watch.missedAt < LAST_CHANCE_MS) watch.askAt = now + FIRST_MS
    else if (watch.state !== 'unknown') this.#lose(watch, watch.state === 'computing')
    // Who has what was sent again says so before anything else: it went where nobody is, as to a server that is cut off.
    else if (watch.sentAt < this.#upSince || watch.call.losses > 0) {
      this.#lose(watch, false)
      if (!isNobody && !this.isDeserted) this.#callRoll(now)
    } else {
      watch.move(this.#judged)
      this.#callRoll(now)
    }
  }

  #refused(question: Question, now: number) {
    if (!this.#questions.end(question)) return
    const { executorId } = question
    if (question.isRoll) return this.#endRoll(() => this.#roll.refused(question))
    if (executorId === undefined) this.#sought.refused(question, now + REFUSED_MS)
    else this.#holders.get(executorId)?.refused(question, now + REFUSED_MS)
  }

  #callRoll(now: number) {
    if (this.#roll.isUnderWay) return
    for (const question of this.#roll.start(now, this.roundTrip.timeoutMs)) this.#questions.send(question)
  }

  #endRoll(step: () => void) {
    step()
    if (!this.#roll.isUnderWay) for (const watch of this.#judged) this.#lose(watch, this.#roll.verdict)
  }

  #lose(watch: Watch, hasDied: boolean | undefined) {
    this.forget(watch)
    this.#news.push(() => watch.call.lost(hasDied))
  }

  #tell() {
    if (this.#news.length > 0) for (const tell of this.#news.splice(0)) tell()
  }
}
