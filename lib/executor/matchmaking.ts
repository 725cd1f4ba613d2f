// This executor as the matchmaker, from when it takes that over until it resigns: reports come in, orders go out.
import { Matchmaker } from '../matching/matchmaker.js'
import type { LastingSubscription } from '../nats/lasting-subscription.js'
import type { Msg } from '../nats/nats.js'
import { Dispatch, type Order, type Report, parseReport } from '../protocol/dispatch.js'
import type { Subjects } from '../protocol/subjects.js'
import type { Post } from './post.js'
import { kindOf } from './transfer-message.js'

/** More than what one request takes in an order: its ticket and an executor's id. */
const GIVE_BYTES = 140
/** More than what is beside them, with the headers. */
const HEAD_BYTES = 600

export interface MatchmakingParts {
  readonly executorId: string
  readonly post: Post
  readonly subjects: Subjects
  /** Sends a message to other executors; or the server has answered one. */
  send(subject: string, body: string, kind: string, reply?: string): void
  answered(): void
  /** An order for this executor itself. */
  ordered(order: Order): void
  /** Somebody is new here, and does not know yet who the matchmaker is. */
  met(): void
  /** There is something to match. */
  changed(): void
}

export class Matchmaking {
  readonly #parts: MatchmakingParts
  readonly #matchmaker: Matchmaker
  readonly #subscription: LastingSubscription
  /** The tokens of replies to orders, by holder: a server answers when one is gone. */
  readonly #orderTokens = new Map<string, string>()

  constructor(parts: MatchmakingParts) {
    this.#parts = parts
    this.#matchmaker = new Matchmaker(parts.executorId)
    this.#subscription = parts.post.subscribe(parts.subjects.match, message => this.#reported(message))
  }

  /** Another executor that is there. */
  get another(): string | undefined {
    return this.#matchmaker.another(this.#parts.executorId)
  }

  wakeAt(now: number) {
    return this.#matchmaker.wakeAt(now)
  }

  /** This executor's own report. */
  report(report: Report, now: number) {
    this.#matchmaker.report(report, now)
  }

  giveOrders(now: number) {
    const { executorId, post } = this.#parts
    if (this.#orderTokens.size > this.#matchmaker.size)
      for (const holder of this.#orderTokens.keys()) if (!this.#matchmaker.knows(holder)) this.#forgetOrders(holder)
    for (const [holder, order] of this.#matchmaker.match(now))
      if (holder === executorId) this.#parts.ordered(order)
      else this.#order(holder, order, Math.max(1, Math.floor((post.maxPayload - HEAD_BYTES) / GIVE_BYTES)))
  }

  /** `most`: as many requests as a message has room for. */
  #order(holder: string, { give }: Order, most: number) {
    const subject = this.#parts.subjects.peer(holder)
    for (let i = 0; i < give.length; i += most) {
      const order: Order = { give: give.slice(i, i + most) }
      this.#parts.send(subject, JSON.stringify(order), Dispatch.order, this.#orderReply(holder))
    }
  }

  stop() {
    for (const holder of this.#orderTokens.keys()) this.#forgetOrders(holder)
    void this.#parts.post.end(this.#subscription)
  }

  #reported(message: Msg) {
    const report = kindOf(message) === Dispatch.report ? parseReport(message.string()) : undefined
    if (!report || report.id === this.#parts.executorId) return
    const { size } = this.#matchmaker
    this.#matchmaker.report(report, performance.now())
    if (this.#matchmaker.size > size) this.#parts.met()
    this.#parts.changed()
  }

  #orderReply(holder: string): string {
    const { post, subjects, answered } = this.#parts
    let token = this.#orderTokens.get(holder)
    if (token === undefined) {
      const onFailure = () => {
        answered()
        this.#forgetOrders(holder)
        this.#matchmaker.forget(holder, performance.now())
      }
      token = post.inbox.reserve({ subject: subjects.peer(holder), onReply: () => {}, onFailure })
      this.#orderTokens.set(holder, token)
    }
    return post.inbox.replySubject(token)
  }

  #forgetOrders(holder: string) {
    this.#parts.post.inbox.forget(this.#orderTokens.get(holder)!)
    this.#orderTokens.delete(holder)
  }
}
