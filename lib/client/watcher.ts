// A client's loss detection at work: with its timer, which runs while calls are under way, its questions, and its cancels.
import type { Inbox } from '../nats/inbox.js'
import { type Subjects, isId } from '../protocol/subjects.js'
import { Cancels } from './cancels.js'
import { LossDetection } from './loss-detection.js'
import type { Notice } from './reply.js'
import { Questions } from './questions.js'
import { NOBODY } from './roll-call.js'
import type { Question, Watch } from './watch.js'

const LOOK_MS = 25
/** A look that comes so much later than it should tells of a blocked event loop. */
const BLOCKED_MS = 200

export class Watcher {
  readonly #detection: LossDetection
  readonly #questions: Questions
  readonly #cancels: Cancels
  readonly #subjects: Subjects
  readonly #inbox: () => Inbox | undefined
  readonly #isIdle: () => boolean
  #timer: NodeJS.Timeout | undefined
  #lookAt = 0
  /** Who has answered last, since the last look. */
  #metLast: string | undefined

  /** `inbox`: where to ask, if the connection is up; `isIdle`: no call is under way. */
  constructor(subjects: Subjects, key: string, inbox: () => Inbox | undefined, isIdle: () => boolean) {
    this.#subjects = subjects
    this.#inbox = inbox
    this.#isIdle = isIdle
    this.#questions = new Questions(subjects, key, inbox)
    const ask = (question: Question) => {
      this.#questions.ask(question.executorId, question.isRoll ? { roll: true } : { ids: question.ids }, outcome =>
        detection.heard(question, outcome, performance.now()),
      )
      if (question.executorId === NOBODY)
        this.#inbox()
          ?.flush()
          .then(
            () => detection.untold(question),
            () => {},
          )
    }
    const detection = (this.#detection = new LossDetection(ask, () => this.#questions.mostIds))
    this.#cancels = new Cancels(this.#questions, detection.roundTrip)
  }

  /** There are calls to look after. */
  start() {
    if (!this.#timer) this.#setTimer(performance.now())
  }

  sent(watch: Watch, now: number) {
    this.#detection.sent(watch, now)
  }

  forget(watch: Watch) {
    this.#detection.forget(watch)
  }

  noticed(watch: Watch, { executorId, state, isUrgent }: Notice) {
    if (isId(executorId)) this.#detection.noticed(watch, executorId!, state, isUrgent, performance.now())
  }

  /** When somebody was last known to hold a call's request; `now` if somebody does. */
  seenAt({ holder, heldAt }: Watch, now: number): number {
    if (!holder) return heldAt
    return holder.isHeard && this.#inbox() ? now : holder.heardAt
  }

  /** An executor has answered a call. */
  met(executorId: string | undefined) {
    if (executorId === this.#metLast || !isId(executorId)) return
    this.#metLast = executorId
    this.#detection.met(executorId!, performance.now())
  }

  /**
   * Somebody to whom a request that was lost may be sent alone: the server may bring it to one that is gone, and not know it yet.
   * Undefined if nobody is known to be there.
   */
  anybody(): string | undefined {
    const lively = this.#detection.lively(performance.now())
    return lively[Math.floor(Math.random() * lively.length)]
  }

  /** Whether nobody has answered when it was asked who is there, though the server cannot tell. */
  get isDeserted() {
    return this.#detection.isDeserted
  }

  /** The server does not know an executor any more. */
  missing(executorId: string) {
    this.#detection.missing(executorId)
  }

  subjectOf(executorId: string) {
    return this.#subjects.hold(executorId)
  }

  /** The connection is up; the way to the server and back takes so long. */
  connected(serverMs: number) {
    this.#detection.roundTrip.hint(serverMs)
  }

  /** The connection was down, and is up again. */
  reconnected() {
    this.#detection.connected(performance.now())
  }

  /** Nobody waits for a call any more; not if another one waits for the same. */
  cancel(watch: Watch) {
    const { call, holder, place, sentAt } = watch
    if (place && !this.#detection.isShared(watch)) this.#cancels.add(call.id, holder?.id, sentAt)
  }

  /** Resolves when no executor takes a request of that id for one that is cancelled any more; undefined if none does now. */
  whenCancelled(id: string) {
    return this.#cancels.whenOver(id)
  }

  /** A call that was lost and sent again is over: whoever has its request besides is to let it go. */
  dismiss(watch: Watch) {
    if (!this.#detection.isShared(watch)) this.#cancels.add(watch.call.id, undefined, watch.sentAt)
  }

  /** Resolves when all cancels have arrived, or there is nobody to take them. */
  async close() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#cancels.close()
    this.#questions.close()
  }

  #setTimer(now: number) {
    this.#lookAt = now + LOOK_MS
    this.#timer = setTimeout(this.#look, LOOK_MS)
  }

  readonly #look = () => {
    this.#metLast = undefined
    const now = performance.now()
    const lateMs = now - this.#lookAt
    const inbox = this.#inbox()
    // What has arrived meanwhile is read first.
    if (inbox && lateMs > BLOCKED_MS) void inbox.catchUp(lateMs).then(() => this.#tick(performance.now()))
    else this.#tick(now)
  }

  #tick(now: number) {
    // Closed meanwhile.
    if (!this.#timer) return
    this.#timer = undefined
    if (this.#isIdle()) return this.#detection.rest()
    this.#setTimer(now)
    if (this.#inbox()) this.#detection.tick(now)
  }
}
