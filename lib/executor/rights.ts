// Whether the server allows what an executor needs: at the start what is missing is an error that says what to configure, later a warning.
import { setImmediate } from 'node:timers/promises'
import { type Violation, isSubscriptionLimit, refusalsOf } from '../nats/violations.js'
import { watch } from '../nats/watch.js'
import { MissingRights, rightOf } from './missing-rights.js'
import type { Post } from './post.js'

/** Of subscriptions. */
const ENOUGH = ' (an executor has up to 17 on its connection: raise max_subscriptions, see docs/permissions.md)'

export interface Needs {
  readonly executorId: string
  /** Subjects that it publishes to. */
  readonly publishes: readonly string[]
  /** Those that it subscribes later. */
  readonly later: readonly string[]
  /** What the subjects of other executors begin with. */
  readonly peers: string
  /** What inboxes begin with, its own and those of clients. */
  readonly inboxPrefixes: readonly string[]
}

export class Rights {
  readonly #post: Post
  readonly #needs: Needs
  /** Its rights have been checked, and it has them. */
  #isChecked = false
  /** What the server has refused during the check. */
  readonly #missing: Violation[] = []
  /** What it has said of its limit then. */
  #limit: string | undefined
  /** What it has said last, since the connection was made or lost. */
  #said: string | undefined

  constructor(post: Post, needs: Needs, signal: AbortSignal, warn: (text: string) => void) {
    this.#post = post
    this.#needs = needs
    const violation = (violation: Violation) => {
      if (!this.#isOurs(violation)) return
      if (!this.#isChecked) return void this.#missing.push(violation)
      // The right and not the subject: there is another inbox for each request, and a log sums up what is the same.
      warn(`the server does not allow ${this.#rightOf(violation)}`)
      if (violation.operation !== 'publish') this.#post.refused(violation.subject)
    }
    const said = (text: string) => {
      // It says so of each subscription, and at each attempt to connect.
      if (text === this.#said) return
      this.#said = text
      const isLimit = isSubscriptionLimit(text)
      const line = `the server says: ${text}${isLimit ? ENOUGH : ''}`
      // On a connection that somebody handed in it may be said of others.
      if (isLimit && !this.#isChecked && post.inbox.isOwn) this.#limit = line
      else warn(line)
    }
    refusalsOf(post.nc, signal, { violation, said })
    void watch(post.nc, () => (this.#said = undefined), signal)
  }

  /**
   * Tries what was not tried yet, again when the connection was lost meanwhile, unless `throwIfStopped` does.
   * @throws {MissingRights} if the server refuses any of it
   * @throws if it allows too few subscriptions
   */
  async check(throwIfStopped: () => void) {
    for (;;)
      try {
        await this.#try()
        break
      } catch (error) {
        throwIfStopped()
        if (!this.#post.isOpen) throw error
      }
    // What the status says comes a little later.
    await setImmediate()
    if (this.#missing.length > 0) throw new MissingRights(this.#missing.map(each => this.#rightOf(each)))
    if (this.#limit !== undefined) throw new Error(this.#limit)
    this.#isChecked = true
  }

  async #try() {
    for (const subject of this.#needs.publishes) this.#post.publish(subject)
    for (const subject of this.#needs.later) this.#post.trySubscribing(subject)
    await this.#post.nc.flush()
  }

  #rightOf(violation: Violation) {
    const { executorId, inboxPrefixes } = this.#needs
    return rightOf(violation, executorId, inboxPrefixes)
  }

  /** On a connection that somebody handed in others publish and subscribe, too. */
  #isOurs({ operation, subject }: Violation) {
    const { publishes, later, peers } = this.#needs
    if (this.#post.inbox.isOwn) return true
    if (operation !== 'publish') return this.#post.isSubscribed(subject) || later.includes(subject)
    return publishes.includes(subject) || subject.startsWith(peers) || this.#post.isInbox(subject)
  }
}
