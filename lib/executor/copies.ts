// Copies of plain requests, whose clients do not watch: an executor that has held one for a while sends a copy to another executor, its
// keeper, who puts it into circulation again when the holder is gone. Two that are lost at once take the request with them.
//
// The keeper of copies asks their holders twice a second which of them are still there. "No responders", or no answer twice, and what
// it keeps of that holder is its own from then on. A holder that is not asked any more has lost its keeper, and looks for another.
import { within } from '../nats/connection.js'
import { headersOf } from '../nats/headers.js'
import type { Msg } from '../nats/nats.js'
import { Dispatch, isList, parseObject } from '../protocol/dispatch.js'
import { Header } from '../protocol/headers.js'
import { line } from '../protocol/raw-headers.js'
import { isId } from '../protocol/subjects.js'
import type { Job } from './job.js'
import type { Post } from './post.js'
import { fits, transferLines } from './transfer-message.js'

const ASK_MS = 500
const MAX_MISSES = 2
/** A keeper that has not asked for so long is gone. */
const KEEPER_MS = 2500
/** A keeper that has no room is tried again after longer and longer pauses. */
const MAX_DOUBLINGS = 4
/** No question has more keys than this, nor than a message has room for. */
const MAX_COPIES = 4000
const KEY_BYTES = 70
/** More than what is beside them, with the headers. */
const HEAD_BYTES = 600
/** After the connection was down, others may be back later than we are. */
const RETURN_MS = 6000

export interface CopiesParts {
  readonly executorId: string
  readonly post: Post
  readonly maxBytes: number
  peer(executorId: string): string
  /** Who may keep copies. */
  keeper(): string | undefined
  /** How long an answer takes at most on a good day. */
  answerMs(): number
  /** Its holder is gone. */
  lost(job: Job): void
}

export class Copies {
  readonly #parts: CopiesParts
  /** What is here and kept elsewhere, by ticket; the keeper has asked last at that time. */
  readonly #placed = new Map<string, { job: Job; keeper: string | undefined; askedAt: number; times: number }>()
  /** Who keeps, or has kept, copies of ours; with the tokens of replies to them: a server answers when one is gone. */
  readonly #keepers = new Map<string, string>()
  /** What is kept here, by holder and ticket. */
  readonly #kept = new Map<string, { copies: Map<string, Job>; misses: number }>()
  #bytes = 0
  #count = 0
  #isUp = true
  #countFrom = 0
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(parts: CopiesParts) {
    this.#parts = parts
  }

  /** Has a copy kept of a request that is here, as it is now. */
  place(job: Job) {
    const keeper = this.#placed.get(job.ticket)?.keeper
    if (keeper === undefined) this.#placeAnew(job, 0)
    else this.#send(job, keeper)
  }

  #placeAnew(job: Job, times: number) {
    const keeper = this.#parts.keeper()
    // As long as nobody is known it is tried again soon.
    this.#placed.set(job.ticket, { job, keeper, askedAt: keeper === undefined ? -Infinity : performance.now(), times })
    this.#timer ??= setTimeout(this.#look, ASK_MS)
    if (keeper !== undefined) this.#send(job, keeper)
  }

  #send(job: Job, keeper: string) {
    const { post, executorId } = this.#parts
    if (!fits(job, post.maxPayload)) return
    let token = this.#keepers.get(keeper)
    if (token === undefined) {
      const subject = this.#parts.peer(keeper)
      token = post.inbox.reserve({ subject, onReply: () => {}, onFailure: () => this.#isGone(keeper) })
      this.#keepers.set(keeper, token)
    }
    post.publish(this.#parts.peer(keeper), job.body, transferLines(job, executorId), post.inbox.replySubject(token))
  }

  /** Nobody has got a copy: another one may keep it as soon as one is known. */
  #isGone(keeper: string) {
    for (const placed of this.#placed.values())
      if (placed.keeper === keeper) Object.assign(placed, { keeper: undefined, askedAt: -Infinity })
  }

  /** It is over, or goes elsewhere. */
  delete(job: Job) {
    if (this.#placed.size > 0) this.#placed.delete(job.ticket)
  }

  /** A copy has come. */
  keep(job: Job, holder: string) {
    const from = this.#kept.get(holder) ?? { copies: new Map<string, Job>(), misses: 0 }
    // Others may wait for it by now.
    this.#drop(from.copies, job.ticket)
    // What was on its way when this executor stopped is nothing for it any more.
    if (this.#isClosed || this.#bytes + job.body.byteLength > this.#parts.maxBytes || this.#count >= this.#most) return
    job.body = new Uint8Array(job.body)
    this.#kept.set(holder, from)
    from.copies.set(job.ticket, job)
    this.#bytes += job.body.byteLength
    this.#count++
    this.#timer ??= setTimeout(this.#look, ASK_MS)
  }

  /** The keeper of copies asks which requests are still here. */
  asked(message: Msg) {
    const { keys, leaves } = (parseObject(message.string()) ?? {}) as { keys?: string[]; leaves?: string }
    if (leaves !== undefined) return this.#left(leaves)
    if (!keys || !isList(keys, isId) || !message.reply || !this.#parts.post.isInbox(message.reply)) return
    const now = performance.now()
    const gone = keys.filter(key => {
      const placed = this.#placed.get(key)
      // It has room: if it is gone one day, another one is looked for as soon as at first.
      if (placed) Object.assign(placed, { askedAt: now, times: 0 })
      return !placed
    })
    this.#parts.post.publish(message.reply, JSON.stringify({ gone }), copiesLine)
  }

  connected(isUp: boolean) {
    this.#isUp = isUp
    const now = performance.now()
    this.#countFrom = now + RETURN_MS
    for (const placed of this.#placed.values()) placed.askedAt = now + RETURN_MS
  }

  /** A request is here now, and no copy of it is wanted any more. */
  drop(ticket: string) {
    for (const { copies } of this.#kept.values()) this.#drop(copies, ticket)
  }

  /** All that was here is answered, or with others. */
  close() {
    this.#isClosed = true
    clearTimeout(this.#timer)
    const { post, executorId } = this.#parts
    for (const keeper of this.#keepers.keys())
      post.publish(this.#parts.peer(keeper), JSON.stringify({ leaves: executorId }), copiesLine)
  }

  #left(holder: string) {
    const from = this.#kept.get(holder)
    for (const ticket of from?.copies.keys() ?? []) this.#drop(from!.copies, ticket)
    this.#kept.delete(holder)
  }

  readonly #look = () => {
    const now = performance.now()
    for (const { job, askedAt, times } of this.#placed.values())
      if (now > askedAt + KEEPER_MS * 2 ** Math.min(times, MAX_DOUBLINGS) + this.#parts.answerMs())
        this.#placeAnew(job, askedAt === -Infinity ? 0 : times + 1)
    if (this.#isUp) for (const holder of this.#kept.keys()) void this.#ask(holder)
    this.#timer = this.#placed.size + this.#kept.size > 0 ? setTimeout(this.#look, ASK_MS) : undefined
  }

  async #ask(holder: string) {
    const { post } = this.#parts
    const from = this.#kept.get(holder)!
    const body = JSON.stringify({ keys: [...from.copies.keys()].slice(0, this.#most) })
    const answer = await post.inbox.ask(
      this.#parts.peer(holder),
      body,
      ASK_MS + this.#parts.answerMs(),
      readGone,
      copiesLine,
    )
    // It may be us who are cut off.
    const isReached = answer !== 'unknown' || (await within(post.nc.flush(), ASK_MS + this.#parts.answerMs()))
    if (this.#kept.get(holder) !== from) return
    if (Array.isArray(answer)) {
      from.misses = 0
      for (const key of answer) this.#drop(from.copies, key)
    } else if (!this.#isUp || performance.now() < this.#countFrom || !isReached) from.misses = 0
    else if (answer === 'nobody' || ++from.misses >= MAX_MISSES)
      for (const job of from.copies.values()) {
        this.#drop(from.copies, job.ticket)
        this.#parts.lost(job)
      }
    if (from.copies.size === 0) this.#kept.delete(holder)
  }

  /** How many keys a question has at most. */
  get #most() {
    return Math.min(MAX_COPIES, Math.floor((this.#parts.post.maxPayload - HEAD_BYTES) / KEY_BYTES))
  }

  #drop(copies: Map<string, Job>, ticket: string) {
    const job = copies.get(ticket)
    if (!job) return
    copies.delete(ticket)
    this.#bytes -= job.body.byteLength
    this.#count--
  }
}

const copiesLine = line(Header.dispatch, Dispatch.copies)

function readGone(message: Msg): string[] | undefined {
  if (headersOf(message)?.get(Header.dispatch) !== Dispatch.copies) return undefined
  const { gone } = (parseObject(message.string()) ?? {}) as { gone?: string[] }
  return gone && isList(gone, isId) ? gone : undefined
}
