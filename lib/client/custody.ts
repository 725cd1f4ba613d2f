// Finds out, for a client, which of its requests nobody holds any more, and tells who holds one to let it go.
//
// A request that is held for 100 ms can be asked for, and where nobody does the server says so at once. Asking costs two
// messages. With few calls each of them is asked for four times a second; with many a client asks ASKS_PER_MS at most, in
// turn, and as soon as one turns out to be lost it asks for all the others: an executor that dies takes many along, so one
// of them comes up soon. A request is lost when nobody held it twice in a row: once may have been between two hands. One that
// is not sent again is lost when nobody held it for LAST_CHANCE_MS: it may lie unread before an executor that has no time.
// After the connection was down nothing is asked for RETURN_MS: executors may be back later than we are, with their answers.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Inbox } from '../nats/inbox.js'
import type { Msg } from '../nats/nats.js'
import type { Call } from './call.js'
import { heldSubject, isRequestId, pingSubject } from '../protocol/subjects.js'

const FIRST_MS = 250
const ASKS_PER_MS = 0.5
const TWICE_AFTER_MS = 50
const LAST_CHANCE_MS = 2000
/** Longer than an executor takes to find a server that is there again. */
const RETURN_MS = 1000
/** What is lost again and again is asked for less and less often, up to FIRST_MS doubled that many times. */
const MOST_DOUBLINGS = 4
const LOOK_MS = 25
const ANSWER_MS = 1000
/** More executors are not remembered. */
const MOST_KNOWN = 256
/** No look sends more than that many questions. */
const MOST_ASKS = 256

/** A cancel is repeated that often, until the request has been on its way for this long and nobody has it. */
const CANCEL_AGAIN_MS = 20
const ON_ITS_WAY_MS = 300
const CANCEL_FOR_MS = 2000

export class Custody {
  readonly #calls: ReadonlySet<Call>
  readonly #inbox: () => Inbox | undefined
  readonly #subject: string
  readonly #cancels = new Set<Promise<unknown>>()
  #timer: NodeJS.Timeout | undefined
  /** Nothing is asked before. */
  #askFrom = 0
  /** Since when the connection is up. */
  #upSince = 0
  /** Executors that have said something and are not known to be gone. */
  readonly #known = new Set<string>()
  /** Whether an executor has died: a question that is under way. */
  #roll: Promise<boolean | undefined> | undefined

  constructor(calls: ReadonlySet<Call>, subject: string, inbox: () => Inbox | undefined) {
    this.#calls = calls
    this.#subject = subject
    this.#inbox = inbox
  }

  /** There are calls to look after. */
  watch() {
    this.#timer ??= setTimeout(this.#look, LOOK_MS)
  }

  /** The connection was down: whatever was sent then may be lost. */
  suspectAll() {
    this.#upSince = performance.now()
    this.#askFrom = this.#upSince + RETURN_MS
    for (const { watch } of this.#calls) if (watch.askAt > 0) watch.askAt = Math.min(watch.askAt, this.#upSince)
  }

  /** An executor has said something. */
  met(executorId: string | undefined) {
    if (executorId === undefined || !isRequestId(executorId)) return
    if (this.#known.add(executorId).size > MOST_KNOWN) this.#known.delete(this.#known.values().next().value!)
  }

  /** Tells the holder of a call that nobody waits any more. */
  cancel(call: Call) {
    if (call.sentAt > 0) this.#track(this.#cancel(call.id, call.sentAt))
  }

  /** A call that was lost and sent again is over: whoever has its request besides is to let it go. */
  dismiss(call: Call) {
    this.#track(this.#dismiss(call.id, call.sentAt))
  }

  /** Resolves when all cancels have arrived, or there is nobody to take them. */
  async close() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await Promise.all(this.#cancels)
  }

  readonly #look = () => {
    this.#timer = undefined
    if (this.#calls.size === 0) return
    this.watch()
    const inbox = this.#inbox()
    if (!inbox) return
    const now = performance.now()
    if (now < this.#askFrom) return
    const pause = Math.max(FIRST_MS, this.#calls.size / ASKS_PER_MS)
    let asks = 0
    for (const call of this.#calls) {
      if (call.sentAt === 0) continue
      const { watch } = call
      if (watch.askAt === 0) watch.askAt = call.sentAt + this.#pause(call, FIRST_MS)
      if (watch.askAt > now) continue
      watch.askAt = now + this.#pause(call, pause)
      void this.#ask(inbox, call)
      if (++asks === MOST_ASKS) return
    }
  }

  #pause(call: Call, pause: number) {
    return pause * 2 ** Math.min(call.losses, MOST_DOUBLINGS) * (0.8 + 0.4 * Math.random())
  }

  async #ask(inbox: Inbox, call: Call) {
    const { sentAt, watch } = call
    // It may be answered, or sent once more, at any time.
    const isOver = () => call.isSettled || call.sentAt !== sentAt
    const answer = await inbox.ask(heldSubject(call.id), 'status', ANSWER_MS, readStatus)
    if (isOver()) return
    if (typeof answer === 'object') {
      if (answer.state === 'gone') watch.askAt = performance.now() + TWICE_AFTER_MS
      else call.held(answer.state, answer.executorId)
      this.met(answer.executorId)
    } else if (answer === 'nobody') {
      if (!this.#isLost(call)) {
        watch.askAt = performance.now() + TWICE_AFTER_MS
        return
      }
      watch.misses = 0
      this.#suspectOthers(call)
      const isUnknown = watch.state === '' && sentAt >= this.#upSince
      const hasDied = isUnknown ? await this.#hasSomebodyDied(inbox) : watch.state === 'computing'
      if (!isOver()) call.lost(hasDied)
    }
  }

  #hasSomebodyDied(inbox: Inbox) {
    return (this.#roll ??= this.#callRoll(inbox).finally(() => (this.#roll = undefined)))
  }

  /**
   * Whether an executor may have died with a request of which nobody has said anything. Not while one stands still: it lies
   * unread there. Undefined if no executor is there, since who took it may be somebody else, who only listens.
   */
  async #callRoll(inbox: Inbox): Promise<boolean | undefined> {
    const read = (message: Msg) => (message.string().includes('ping_response') ? 'here' : undefined)
    const all = pingSubject(this.#subject)
    const ping = (subject: string, ms: number) => inbox.ask(subject, '', ms, read)
    const each = [...this.#known].map(async id => {
      const answer = await ping(`${all}.${id}`, ANSWER_MS)
      if (answer === 'nobody') this.#known.delete(id)
      return answer
    })
    const [anybody, ...known] = await Promise.all([ping(all, ANSWER_MS / 4), ...each])
    if (known.includes('unknown')) return false
    return anybody === 'nobody' ? undefined : true
  }

  /** Takes note that nobody holds a call's request. */
  #isLost({ watch, maySendAgain }: Call): boolean {
    const now = performance.now()
    if (++watch.misses === 1) watch.missedAt = now
    return watch.misses >= 2 && (maySendAgain || now - watch.missedAt >= LAST_CHANCE_MS)
  }

  #suspectOthers(lost: Call) {
    const now = performance.now()
    for (const call of this.#calls) {
      const { watch, losses } = call
      if (call !== lost && watch.misses === 0 && watch.askAt > 0 && losses <= lost.losses)
        watch.askAt = Math.min(watch.askAt, now)
    }
  }

  #track(cancel: Promise<unknown>) {
    this.#cancels.add(cancel)
    void cancel.then(() => this.#cancels.delete(cancel))
  }

  /** Twice, since it may be between two hands, or not told of yet. */
  async #dismiss(id: string, sentAt: number) {
    for (const isLast of [false, true]) {
      await this.#askToCancel(id)
      if (isLast) return
      await sleep(Math.max(CANCEL_AGAIN_MS, sentAt + ON_ITS_WAY_MS - performance.now()))
    }
  }

  async #cancel(id: string, sentAt: number) {
    const begun = performance.now()
    let misses = 0
    for (;;) {
      const answer = await this.#askToCancel(id)
      if (typeof answer === 'object' && answer.state !== 'gone') return
      misses = answer === 'nobody' ? misses + 1 : 0
      const now = performance.now()
      if (misses >= 2 && now - sentAt > ON_ITS_WAY_MS) return
      if (now - begun > CANCEL_FOR_MS) return
      await sleep(CANCEL_AGAIN_MS)
    }
  }

  async #askToCancel(id: string) {
    return this.#inbox()?.ask(heldSubject(id), 'cancel', ANSWER_MS / 2, readStatus)
  }
}

const STATES = ['waiting', 'computing', 'answered', 'cancelled', 'gone']

/** What an executor says of a request; undefined if it is none that says it. */
function readStatus(message: Msg): { state: string; executorId: string | undefined } | undefined {
  try {
    const { state, executorId } = message.json<{ state: string; executorId?: string }>()
    return STATES.includes(state) ? { state, executorId: executorId ? String(executorId) : undefined } : undefined
  } catch {
    return undefined
  }
}
