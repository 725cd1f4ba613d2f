// Whether the server allows what an executor needs: at the start what is missing is an error that says what to configure, later a warning.
import { setImmediate } from 'node:timers/promises'
import { violationsOf } from '../nats/violations.js'
import type { Post } from './post.js'

export class Rights {
  readonly #post: Post
  /** What the server has refused during the check. */
  #missing: string[] | undefined = []

  constructor(post: Post, signal: AbortSignal, warn: (text: string) => void) {
    this.#post = post
    violationsOf(post.nc, signal, ({ operation, subject }) => {
      const right = `${operation === 'publish' ? 'publish' : 'subscribe'}: "${subject}"`
      if (this.#missing) this.#missing.push(right)
      else warn(`the server does not allow ${right}`)
    })
  }

  /**
   * Tries to publish to these subjects; what is subscribed was tried already.
   * @throws if the server refuses any of it
   */
  async check(subjects: string[]) {
    for (const subject of subjects) this.#post.publish(subject)
    await this.#post.nc.flush()
    // What the status says comes a little later.
    await setImmediate()
    const missing = this.#missing!
    this.#missing = undefined
    if (missing.length > 0)
      throw new Error(
        `the server's permissions of this user lack ${[...new Set(missing)].join(', ')} (docs/permissions.md)`,
      )
  }
}
