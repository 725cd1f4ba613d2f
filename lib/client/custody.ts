// Finds out, for a client, which of its requests nobody holds any more, and tells who holds one to let it go.
//
// A request that is held for 100 ms can be asked for, and where nobody does the server says so at once. Asking costs two
// messages. With few calls each of them is asked for four times a second; with many a client asks ASKS_PER_MS at most, in
// turn, and as soon as one turns out to be lost it asks for all the others: an executor that dies takes many along, so one
// of them comes up soon. A request is lost when nobody held it twice in a row: once may have been between two hands. One that
// is not sent again is lost when nobody held it for LAST_CHANCE_MS: it may lie unread before an executor that has no time.
// After the connection was down nothing is asked for RETURN_MS: executors may be back later than we are, with their answers.
import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsConnection, NatsError } from '../nats/nats.js'
import type { Call } from './call.js'
import { heldSubject } from '../protocol/subjects.js'

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
/** No look sends more than that many questions. */
const MOST_ASKS = 256

/** A cancel is repeated that often, until the request has been on its way for this long and nobody has it. */
const CANCEL_AGAIN_MS = 20
const ON_ITS_WAY_MS = 300
const CANCEL_FOR_MS = 2000

export class Custody {
  readonly #calls: ReadonlySet<Call>
  readonly #connection: () => NatsConnection | undefined
  readonly #cancels = new Set<Promise<unknown>>()
  #timer: NodeJS.Timeout | undefined
  /** Nothing is asked before. */
  #askFrom = 0

  constructor(calls: ReadonlySet<Call>, connection: () => NatsConnection | undefined) {
    this.#calls = calls
    this.#connection = connection
  }

  /** There are calls to look after. */
  watch() {
    this.#timer ??= setTimeout(this.#look, LOOK_MS)
  }

  /** The connection was down: whatever was sent then may be lost. */
  suspectAll() {
    const now = performance.now()
    this.#askFrom = now + RETURN_MS
    for (const call of this.#calls) if (call.askAt > 0) call.askAt = Math.min(call.askAt, now)
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
    const nc = this.#connection()
    if (!nc) return
    const now = performance.now()
    if (now < this.#askFrom) return
    const pause = Math.max(FIRST_MS, this.#calls.size / ASKS_PER_MS)
    let asks = 0
    for (const call of this.#calls) {
      if (call.sentAt === 0) continue
      if (call.askAt === 0) call.askAt = call.sentAt + this.#pause(call, FIRST_MS)
      if (call.askAt > now) continue
      call.askAt = now + this.#pause(call, pause)
      this.#ask(nc, call)
      if (++asks === MOST_ASKS) return
    }
  }

  #pause(call: Call, pause: number) {
    return pause * 2 ** Math.min(call.losses, MOST_DOUBLINGS) * (0.8 + 0.4 * Math.random())
  }

  #ask(nc: NatsConnection, call: Call) {
    const { sentAt } = call
    ask(nc, call.id, 'status', ANSWER_MS).then(answer => {
      // It may have been answered, or sent once more, meanwhile.
      if (call.isSettled || call.sentAt !== sentAt) return
      if (answer === 'held') call.misses = 0
      else if (answer === 'nobody' && this.#isLost(call)) {
        call.misses = 0
        this.#suspectOthers(call)
        call.lost()
      } else if (answer !== 'unknown') call.askAt = performance.now() + TWICE_AFTER_MS
    })
  }

  /** Takes note that nobody holds a call's request. */
  #isLost(call: Call): boolean {
    const now = performance.now()
    if (++call.misses === 1) call.missedAt = now
    return call.misses >= 2 && (call.maySendAgain || now - call.missedAt >= LAST_CHANCE_MS)
  }

  #suspectOthers(lost: Call) {
    const now = performance.now()
    for (const call of this.#calls)
      if (call !== lost && call.misses === 0 && call.askAt > 0 && call.losses <= lost.losses)
        call.askAt = Math.min(call.askAt, now)
  }

  #track(cancel: Promise<unknown>) {
    this.#cancels.add(cancel)
    void cancel.then(() => this.#cancels.delete(cancel))
  }

  /** Twice, since it may be between two hands, or not told of yet. */
  async #dismiss(id: string, sentAt: number) {
    for (const isLast of [false, true]) {
      const nc = this.#connection()
      if (nc) await ask(nc, id, 'cancel', ANSWER_MS / 2)
      if (isLast) return
      await sleep(Math.max(CANCEL_AGAIN_MS, sentAt + ON_ITS_WAY_MS - performance.now()))
    }
  }

  async #cancel(id: string, sentAt: number) {
    const begun = performance.now()
    let misses = 0
    for (;;) {
      const nc = this.#connection()
      if (nc) {
        const answer = await ask(nc, id, 'cancel', ANSWER_MS / 2)
        if (answer === 'held') return
        misses = answer === 'nobody' ? misses + 1 : 0
      }
      const now = performance.now()
      if (misses >= 2 && now - sentAt > ON_ITS_WAY_MS) return
      if (now - begun > CANCEL_FOR_MS) return
      await sleep(CANCEL_AGAIN_MS)
    }
  }
}

/** Whether somebody holds a request: `moved` is one that held it and does not any more. */
async function ask(nc: NatsConnection, id: string, what: 'status' | 'cancel', timeout: number) {
  try {
    const answer = (await nc.request(heldSubject(id), what, { timeout })).json<{ state?: string }>()
    return answer?.state === 'gone' ? 'moved' : 'held'
  } catch (error) {
    return (error as NatsError).code === '503' ? 'nobody' : 'unknown'
  }
}
