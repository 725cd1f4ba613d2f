// Tells executors that nobody waits for a request any more, until one confirms it or it can be nowhere. A cancel names an id, so until
// then no other request of that id may be sent: it would be cancelled, too.
//
// What is cancelled in one turn of the event loop goes in one question: to the executor that is known to hold it, else to all. A
// cancel is waiting to be asked (`askAt`) → asked → over, when it is confirmed or given up. The timer runs while there are any.
import { type Deferred, deferred } from '../deferred.js'
import type { Status } from '../protocol/hold.js'
import type { Outcome, Questions } from './questions.js'
import type { RoundTrip } from './round-trip.js'

/** It is asked again after this and a round trip. */
const AGAIN_MS = 100
/** A request may be on its way for this long, so that nobody has it yet. */
const ON_ITS_WAY_MS = 300
const MOST_TIMES = 3
/** The end in any case: nobody can be asked. */
const GIVE_UP_MS = 2000

interface Cancel {
  readonly id: string
  executorId: string | undefined
  readonly sentAt: number
  readonly begunAt: number
  askAt: number
  /** How often all were asked. */
  times: number
  /** Whoever has it resolved when it is over. */
  over: Deferred<void> | undefined
}

export class Cancels {
  readonly #questions: Questions
  readonly #roundTrip: RoundTrip
  readonly #cancels = new Map<string, Cancel>()
  #timer: NodeJS.Timeout | undefined
  #isAsking = false
  #end: Deferred<void> | undefined

  constructor(questions: Questions, roundTrip: RoundTrip) {
    this.#questions = questions
    this.#roundTrip = roundTrip
  }

  /** `executorId`: who is known to hold the request; `sentAt`: when it was sent last. */
  add(id: string, executorId: string | undefined, sentAt: number) {
    const now = performance.now()
    const over = this.#cancels.get(id)?.over
    this.#cancels.set(id, { id, executorId, sentAt, begunAt: now, askAt: now, times: 0, over })
    this.#askSoon()
  }

  /** Resolves when no executor is told to cancel a request of that id; undefined if none is. */
  whenOver(id: string): Promise<void> | undefined {
    const cancel = this.#cancels.get(id)
    return cancel && (cancel.over ??= deferred())
  }

  /** Resolves when all are confirmed or given up. */
  async close() {
    if (this.#cancels.size > 0) await (this.#end ??= deferred())
  }

  #askSoon() {
    if (this.#isAsking) return
    this.#isAsking = true
    queueMicrotask(() => {
      this.#isAsking = false
      this.#ask()
    })
  }

  #ask() {
    const now = performance.now()
    const due = new Map<string | undefined, Cancel[]>()
    for (const cancel of this.#cancels.values()) {
      if (cancel.askAt > now) continue
      if (this.#isVain(cancel, now)) {
        this.#over(cancel)
        continue
      }
      const all = due.get(cancel.executorId)
      if (all) all.push(cancel)
      else due.set(cancel.executorId, [cancel])
    }
    const { mostIds } = this.#questions
    for (const [executorId, cancels] of due)
      for (let i = 0; i < cancels.length; i += mostIds) this.#send(executorId, cancels.slice(i, i + mostIds), now)
    if (this.#cancels.size > 0) this.#timer ??= setTimeout(this.#tick, AGAIN_MS / 4)
  }

  readonly #tick = () => {
    this.#timer = undefined
    this.#ask()
  }

  #isVain({ times, sentAt, begunAt }: Cancel, now: number) {
    return now - begunAt > GIVE_UP_MS || (times >= MOST_TIMES && now - sentAt > ON_ITS_WAY_MS)
  }

  #send(executorId: string | undefined, cancels: Cancel[], now: number) {
    for (const cancel of cancels) {
      cancel.askAt = now + AGAIN_MS + this.#roundTrip.timeoutMs
      if (executorId === undefined) cancel.times++
      cancel.executorId = undefined
    }
    this.#questions.ask(executorId, { cancel: cancels.map(({ id }) => id) }, outcome => this.#heard(cancels, outcome))
  }

  #heard(cancels: Cancel[], outcome: Outcome) {
    const now = performance.now()
    if (outcome === 'refused') for (const cancel of cancels) this.#over(cancel)
    else if (outcome === 'nobody') for (const cancel of cancels) cancel.askAt = Math.min(cancel.askAt, now + AGAIN_MS)
    else this.#answered(outcome, now)
  }

  #answered({ cancelled = [], answered = [], moved = {}, missing = [] }: Status, now: number) {
    for (const id of [...cancelled, ...answered]) {
      const cancel = this.#cancels.get(id)
      if (cancel) this.#over(cancel)
    }
    // By entries: an id may be the name of what any object has.
    const elsewhere: [string, string?][] = [...Object.entries(moved), ...missing.map((id): [string] => [id])]
    for (const [id, executorId] of elsewhere) {
      const cancel = this.#cancels.get(id)
      if (!cancel) continue
      cancel.executorId = executorId
      cancel.askAt = now
    }
    if (this.#cancels.size > 0) this.#ask()
  }

  #over(cancel: Cancel) {
    this.#cancels.delete(cancel.id)
    cancel.over?.resolve()
    if (this.#cancels.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#end?.resolve()
    this.#end = undefined
  }
}
