// What is here by name, and where to what was here has gone.
import { OftenEmptyMap } from '../often-empty.js'
import { Code } from '../protocol/codes.js'
import { type Job, nameOf } from './job.js'

/** For so long it is told where a request went. */
const MOVED_FOR_MS = 10_000

export class Registry {
  readonly #jobs = new OftenEmptyMap<string, Job>()
  /** The oldest ones first. */
  readonly #moved = new Map<string, { to: string; at: number }>()

  /** Takes note of a request; returns the one that is here already, if it is the same, sent once more. */
  add(job: Job): Job | undefined {
    if (!job.isNamed) return undefined
    const name = nameOf(job)
    const same = this.#jobs.get(name)
    if (!same || isGivenUp(same)) {
      this.#jobs.set(name, job)
      return undefined
    }
    // An id that somebody uses for something else as well is that one's own affair.
    return isSame(same, job) ? same : undefined
  }

  find(id: string, key: string): Job | undefined {
    return this.#jobs.get(nameOf({ id, key }))
  }

  /** It is over, or another executor has it. */
  delete(job: Job, movedTo?: string) {
    const name = nameOf(job)
    if (!job.isNamed || this.#jobs.get(name) !== job) return
    this.#jobs.delete(name)
    if (this.#moved.size > 0) this.#moved.delete(name)
    if (movedTo === undefined) return
    const now = performance.now()
    this.#moved.set(name, { to: movedTo, at: now })
    for (const [old, { at }] of this.#moved) {
      if (at + MOVED_FOR_MS > now) break
      this.#moved.delete(old)
    }
  }

  /** It was not taken in: if it has been here before, it is still known where it went. */
  refused(job: Job) {
    const name = nameOf(job)
    if (this.#jobs.get(name) === job) this.#jobs.delete(name)
  }

  /** Who has got it from here not long ago. */
  whereTo(id: string, key: string): string | undefined {
    const moved = this.#moved.get(nameOf({ id, key }))
    return moved && moved.at + MOVED_FOR_MS > performance.now() ? moved.to : undefined
  }
}

/** Whether it is being ended since nobody waits for it: who sends it again then wants it computed. */
const isGivenUp = ({ ending, deadline }: Job) =>
  ending !== undefined && (ending.code === Code.cancelled || deadline <= performance.now())

const isSame = (a: Job, b: Job) =>
  a.functionName === b.functionName &&
  a.isBytes === b.isBytes &&
  a.batchSize === b.batchSize &&
  Buffer.compare(a.body, b.body) === 0
