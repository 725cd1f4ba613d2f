// The executors that have died of a call.
import { type ErrorDetails, ExecutorDiedError } from '../errors.js'

/** A request with which so many executors died is not sent again; a batch with which one less did is sent in halves. */
const MOST_DEATHS = 3

export class Deaths {
  #count: number
  #executorIds: string[] | undefined
  readonly #most: number

  /** `count`: how many have died before, of a larger batch. */
  constructor(count: number, isBatch: boolean) {
    this.#count = count
    this.#most = MOST_DEATHS - (isBatch ? 1 : 0)
  }

  /** Whether the next one would be the last. */
  get isSuspect() {
    return this.#count >= MOST_DEATHS - 1
  }

  get latestId() {
    return this.#executorIds?.at(-1)
  }

  /** One more has died; whether it was one too many. */
  add(executorId: string | undefined): boolean {
    this.#count++
    if (executorId !== undefined) (this.#executorIds ??= []).push(executorId)
    return this.#count >= this.#most
  }

  error(details: ErrorDetails) {
    const who = this.#executorIds ? `, of these ${this.#executorIds.join(', ')}` : ''
    return new ExecutorDiedError(`${this.#count} executors died while they computed it${who}`, details)
  }
}
