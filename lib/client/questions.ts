// Sends a client's questions to executors, and hears the answers, also late ones: they tell how far away executors are.
import type { Inbox } from '../nats/inbox.js'
import { ErrorCode, type Msg, type NatsError } from '../nats/nats.js'
import { type Question as Words, type Status, mostIdsIn, parseStatus } from '../protocol/hold.js'
import type { Subjects } from '../protocol/subjects.js'

/** So long answers are heard. */
const HEAR_FOR_MS = 5000

/** What came of a question; `refused`: the server did not take it. */
export type Outcome = Status | 'nobody' | 'refused'

export class Questions {
  readonly #subjects: Subjects
  readonly #key: string
  readonly #inbox: () => Inbox | undefined
  /** The oldest first. */
  #asked: { token: string; at: number; inbox: Inbox }[] = []
  /** Runs while there are any, since they keep their calls alive. */
  #timer: NodeJS.Timeout | undefined

  constructor(subjects: Subjects, key: string, inbox: () => Inbox | undefined) {
    this.#subjects = subjects
    this.#key = key
    this.#inbox = inbox
  }

  /** How many ids one may have. */
  get mostIds() {
    return mostIdsIn(this.#inbox()?.maxPayload ?? Infinity)
  }

  /** Asks one executor, or all; `hear` is called later with each answer. */
  ask(executorId: string | undefined, words: Omit<Words, 'key'>, hear: (outcome: Outcome) => void) {
    const inbox = this.#inbox()
    if (!inbox) return
    const listener = {
      subject: executorId === undefined ? this.#subjects.find : this.#subjects.hold(executorId),
      onReply: (message: Msg) => {
        const status = parseStatus(message.string())
        if (status) hear(status)
      },
      onFailure: ({ code }: NatsError) => hear(code === ErrorCode.NoResponders ? 'nobody' : 'refused'),
    }
    const at = performance.now()
    try {
      const token = inbox.send(listener, JSON.stringify({ key: this.#key, ...words }))
      this.#asked.push({ token, at, inbox })
    } catch {
      // The connection is being closed.
      queueMicrotask(() => hear('refused'))
    }
    if (!this.#timer) this.#timer = setTimeout(this.#forget, HEAR_FOR_MS).unref()
  }

  /** No answer is of use any more. */
  close() {
    clearTimeout(this.#timer)
  }

  readonly #forget = () => {
    const before = performance.now() - HEAR_FOR_MS
    let count = 0
    for (const { token, at, inbox } of this.#asked) {
      if (at > before) break
      inbox.forget(token)
      count++
    }
    this.#asked = this.#asked.slice(count)
    const [first] = this.#asked
    this.#timer = first && setTimeout(this.#forget, first.at - before).unref()
  }
}
