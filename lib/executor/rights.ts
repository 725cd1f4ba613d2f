// Whether the server allows what an executor needs: at the start what is missing is an error that says what to configure, later a warning.
import { setImmediate } from 'node:timers/promises'
import { type Violation, violationsOf } from '../nats/violations.js'
import type { Post } from './post.js'

export interface Needs {
  /** Subjects that it publishes to. */
  readonly publishes: readonly string[]
  /** Those that it subscribes later. */
  readonly later: readonly string[]
  /** What the subjects of other executors begin with. */
  readonly peers: string
}

export class Rights {
  readonly #post: Post
  readonly #needs: Needs
  /** What the server has refused during the check. */
  #missing: string[] | undefined = []

  constructor(post: Post, needs: Needs, signal: AbortSignal, warn: (text: string) => void) {
    this.#post = post
    this.#needs = needs
    violationsOf(post.nc, signal, violation => {
      if (!this.#isOurs(violation)) return
      const right = `${violation.operation === 'publish' ? 'publish' : 'subscribe'}: "${violation.subject}"`
      if (this.#missing) this.#missing.push(right)
      else warn(`the server does not allow ${right}`)
    })
  }

  /**
   * Tries what was not tried yet, again when the connection was lost meanwhile, unless it `isStopped`.
   * @throws if the server refuses any of it
   */
  async check(isStopped: () => boolean) {
    for (;;)
      try {
        await this.#try()
        break
      } catch (error) {
        if (!this.#post.isOpen || isStopped()) throw error
      }
    // What the status says comes a little later.
    await setImmediate()
    const missing = this.#missing!
    this.#missing = undefined
    if (missing.length > 0)
      throw new Error(
        `the server's permissions of this user lack ${[...new Set(missing)].join(', ')} (docs/permissions.md)`,
      )
  }

  async #try() {
    for (const subject of this.#needs.publishes) this.#post.publish(subject)
    for (const subject of this.#needs.later) this.#post.trySubscribing(subject)
    await this.#post.nc.flush()
  }

  /** On a connection that somebody handed in others publish and subscribe, too. */
  #isOurs({ operation, subject }: Violation) {
    const { publishes, later, peers } = this.#needs
    if (this.#post.inbox.isOwn) return true
    if (operation !== 'publish') return this.#post.isSubscribed(subject) || later.includes(subject)
    return publishes.includes(subject) || subject.startsWith(peers) || this.#post.isInbox(subject)
  }
}
