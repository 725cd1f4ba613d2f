// Requests on their way to another executor: a copy of each stays here until that one has acknowledged it. It owns no timer: who has it
// calls `takeExpired` at `wakeAt`.

/** So long an acknowledgement may take, plus round trips. */
const ACKNOWLEDGE_MS = 1000
const ROUND_TRIPS = 4

export interface Transfer<T> {
  readonly ticket: string
  readonly job: T
  readonly to: string
  readonly lateAt: number
}

export class Transfers<T> {
  /** The round trip between executors, as far as it is known. */
  rttMs = 0
  /** The first is late first, nearly: round trips change slowly. */
  readonly #open = new Map<string, Transfer<T>>()

  get size() {
    return this.#open.size
  }

  /** When the first of them is late. */
  get wakeAt(): number {
    for (const { lateAt } of this.#open.values()) return lateAt
    return Infinity
  }

  sent(ticket: string, job: T, to: string, now: number) {
    this.#open.set(ticket, { ticket, job, to, lateAt: now + ACKNOWLEDGE_MS + ROUND_TRIPS * this.rttMs })
  }

  /** It was acknowledged, refused, or nobody was there: the copy is its caller's. Undefined if the answer is late. */
  take(ticket: string, to: string): T | undefined {
    const transfer = this.#open.get(ticket)
    if (transfer?.to !== to) return undefined
    this.#open.delete(ticket)
    return transfer.job
  }

  /** Those without any answer. */
  takeExpired(now: number): Transfer<T>[] {
    const expired: Transfer<T>[] = []
    for (const transfer of this.#open.values()) {
      if (transfer.lateAt > now) break
      this.#open.delete(transfer.ticket)
      expired.push(transfer)
    }
    return expired
  }
}
