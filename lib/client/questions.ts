// Sends a client's questions to executors, and hears the answers, also late ones: they tell how far away executors are.
import type { Inbox } from '../nats/inbox.js'
import { ErrorCode, type Msg, type NatsError } from '../nats/nats.js'
import { type Question as Words, parseStatus } from '../protocol/hold.js'
import type { Subjects } from '../protocol/subjects.js'
import type { Outcome } from './loss-detection.js'

/** So long answers are heard. */
const HEAR_FOR_MS = 5000

export class Questions {
  readonly #subjects: Subjects
  readonly #key: string
  readonly #inbox: () => Inbox | undefined
  /** The oldest first. */
  #asked: { token: string; at: number; inbox: Inbox }[] = []

  constructor(subjects: Subjects, key: string, inbox: () => Inbox | undefined) {
    this.#subjects = subjects
    this.#key = key
    this.#inbox = inbox
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
    this.#forget(at - HEAR_FOR_MS)
  }

  #forget(before: number) {
    let count = 0
    for (const { token, at, inbox } of this.#asked) {
      if (at > before) break
      inbox.forget(token)
      count++
    }
    if (count > 0) this.#asked = this.#asked.slice(count)
  }
}
