// Tells clients that watch who holds their requests, and notices when a client is gone.
//
// A request: fresh (here for less than OLD_MS) → old: its client is told, or if it does not watch, the owner is → over. Of an old one
// whose client has not been heard for SILENT_MS it is asked, by the notice once more; whatever it asks next is its answer. After MAX_ASKS in vain what waits is dropped, and somewhat later what is computed.
import { OftenEmptySet } from '../often-empty.js'
import { Header } from '../protocol/headers.js'
import { line } from '../protocol/raw-headers.js'
import { Alarm } from '../slots/alarm.js'
import type { Job } from './job.js'
import type { Post } from './post.js'

/** Only a request that is here for so long is worth a message. */
export const OLD_MS = 100
/** Those that get old within this time of each other are told of together. */
const TOGETHER_MS = 25
/** More than what the headers of a notice take. */
const HEADERS_SIZE = 512
const SILENT_MS = 3000
const ASK_AGAIN_MS = 2000
const MAX_ASKS = 2
/** How often silent clients are looked for. */
const SILENCE_MS = 500
/** What is computed is of use to a client that comes back soon. */
const GONE_MS = 10_000
/** More clients are not remembered. */
const MAX_KEYS = 10_000

export interface NoticesOwner {
  /** A request has become old, or is to be told at once, whose client does not watch, or need not; or others wait for one that is. */
  aged(job: Job): void
  /** Its client is gone. */
  abandoned(job: Job): void
}

export class Notices {
  readonly #post: Post
  readonly #executorId: string
  /** Where it is asked for its requests. */
  readonly #hold: string
  readonly #owner: NoticesOwner
  /** Not old yet, the earliest arrivals first. */
  readonly #fresh = new OftenEmptySet<Job>()
  /** Old ones that are watched. */
  readonly #told = new Set<Job>()
  /** When clients were heard last, by their keys. */
  readonly #heardAt = new Map<string, number>()
  readonly #alarm = new Alarm(() => this.#look())
  #silenceAt = 0
  /** Since when clients can be heard. */
  #countFrom = 0

  constructor(post: Post, executorId: string, hold: string, owner: NoticesOwner) {
    this.#post = post
    this.#executorId = executorId
    this.#hold = hold
    this.#owner = owner
  }

  add(job: Job) {
    const now = performance.now()
    // Others may have told of it.
    if (now - job.since >= OLD_MS) this.#age(job)
    else this.#fresh.add(job)
    this.#wait(now)
  }

  /** Somebody else waits for it as well. */
  joined(job: Job) {
    const isOld = this.#told.has(job) || performance.now() - job.since >= OLD_MS
    if (isOld && isUnwatched(job)) this.#owner.aged(job)
  }

  /** Tells at once of a request, which is to be computed after that. */
  addTold(job: Job, state: 'waiting' | 'computing') {
    this.#told.add(job)
    this.#tell(job, state)
    if (isUnwatched(job)) this.#owner.aged(job)
    this.#wait(performance.now())
  }

  /** Its computation has started, or is about to, in this turn. */
  started(job: Job) {
    if (job.toldState === 'waiting' && job.state === 'held') this.#tell(job, 'computing')
  }

  /** Its computation was to start, and others may have been faster: the end of this executor would not be its doing. */
  overtaken(job: Job) {
    if (job.toldState === 'computing' && job.state === 'held' && stateOf(job) === 'waiting') this.#tell(job, 'waiting')
  }

  /** It is so far; JSON. */
  progressed(job: Job, body: Uint8Array) {
    if (job.state !== 'held' || body.byteLength + HEADERS_SIZE > this.#post.maxPayload) return
    for (const inbox of job.replyTo) this.#post.publish(inbox, body, this.#lines(job, 'progress'))
  }

  /** A client with that key has asked something: it is there. */
  heard(key: string) {
    this.#heardAt.delete(key)
    this.#heardAt.set(key, performance.now())
    if (this.#heardAt.size > MAX_KEYS) this.#heardAt.delete(this.#heardAt.keys().next().value!)
  }

  /** While the connection is down nobody can be heard. */
  connected(isUp: boolean) {
    this.#countFrom = isUp ? performance.now() : Infinity
    for (const job of this.#told) job.asks = 0
  }

  delete(job: Job) {
    this.#fresh.delete(job)
    this.#told.delete(job)
  }

  close() {
    this.#alarm.close()
    this.#fresh.clear()
    this.#told.clear()
  }

  #look() {
    const now = performance.now()
    for (const job of this.#fresh) {
      if (job.arrivedAt > now - OLD_MS) break
      this.#fresh.delete(job)
      this.#age(job)
    }
    if (now >= this.#silenceAt) {
      this.#silenceAt = now + SILENCE_MS
      for (const job of this.#told) this.#askIfSilent(job, now)
    }
    this.#wait(now)
  }

  /** Until the first one gets old, or silence is to be looked for. */
  #wait(now: number) {
    let at = this.#told.size > 0 ? this.#silenceAt : Infinity
    for (const { arrivedAt } of this.#fresh) {
      at = Math.min(at, arrivedAt + OLD_MS)
      break
    }
    this.#alarm.ringBy(Math.max(at, now + TOGETHER_MS))
  }

  #age(job: Job) {
    if (isUnwatched(job)) this.#owner.aged(job)
    if (!job.isWatched) return
    this.#told.add(job)
    this.#tell(job, stateOf(job))
  }

  /** `reply`: its client is to say that it is there. */
  #tell(job: Job, state: 'waiting' | 'computing', reply = '') {
    job.toldState = state
    for (const inbox of job.replyTo) this.#post.publish(inbox, undefined, this.#lines(job, state), reply)
    // It may be the end of this process.
    if (job.isToldFirst && state === 'computing') this.#post.writeNow()
  }

  #lines({ id, attempt }: Job, notice: string) {
    const lines = line(Header.notice, notice) + line(Header.requestId, id) + line(Header.executorId, this.#executorId)
    // It may have been lost without its client.
    return attempt > 1 ? lines + line(Header.attempt, attempt) : lines
  }

  #askIfSilent(job: Job, now: number) {
    const lastAt = this.#heardAt.get(job.key)
    // Who was never heard may be without the right to ask.
    if (job.isDetached || job.state !== 'held' || lastAt === undefined) return
    const heardAt = Math.max(job.arrivedAt, lastAt, this.#countFrom)
    if (heardAt > job.askedAt) job.asks = 0
    if (now < (job.asks === 0 ? heardAt + SILENT_MS : job.askedAt + ASK_AGAIN_MS)) return
    if (job.asks < MAX_ASKS) {
      job.asks++
      job.askedAt = now
      this.#tell(job, stateOf(job), this.#hold)
    } else if (stateOf(job) === 'waiting' || now >= heardAt + GONE_MS) this.#owner.abandoned(job)
  }
}

/** Who need not be there does not look after it. */
const isUnwatched = (job: Job) => !job.isWatched || job.isDetached

/** What becomes of a request that is here. */
export const stateOf = (job: Job) => (job.slot?.isRunning(job) ? 'computing' : 'waiting')
