// Discovery and statistics by ADR-32 (nats-architecture-and-design, "NATS Micro"), so that `nats service list`, `info`
// and `stats` see executors. The `services` API of nats.js takes an asynchronous handler for finished when it returns.
import { errorName } from '../errors.js'
import { Code } from '../protocol/codes.js'
import type { Msg } from '../nats/nats.js'
import type { Job } from './job.js'
import type { Post } from './post.js'

export interface ServiceDescription {
  id: string
  name: string
  version: string
  description: string
  metadata: Record<string, string>
  subject: string
  queue: string
  /** What STATS shows beside the counts. */
  data: () => unknown
}

const VERBS = ['PING', 'INFO', 'STATS'] as const

export class Discovery {
  #requests = 0
  #errors = 0
  #lastError = ''
  /** Whole nanoseconds in slots, and how many requests were there. */
  #processing = 0
  #computed = 0
  readonly #post: Post
  readonly #about: ServiceDescription
  readonly #started = new Date().toISOString()

  constructor(post: Post, about: ServiceDescription) {
    this.#post = post
    this.#about = about
  }

  start() {
    const { name, id } = this.#about
    for (const verb of VERBS)
      for (const subject of [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`])
        this.#post.serve(subject, message => this.#answer(verb, message))
  }

  /** How long a computation takes in the mean, in milliseconds; undefined if that is not known. */
  get meanMs(): number | undefined {
    return this.#computed === 0 ? undefined : this.#processing / 1e6 / this.#computed
  }

  /** Counts a request that was answered, each argument of a batch as one. */
  count(nanoseconds: number, { code, of, failedArguments = 0 }: { code: number; of?: Job; failedArguments?: number }) {
    const size = Math.max(1, of?.batchSize ?? 1)
    this.#requests += size
    this.#processing += nanoseconds
    if (nanoseconds > 0) this.#computed++
    this.#errors += code === 0 ? failedArguments : size
    // What is wrong may tell of arguments, which are not everybody's to know.
    if (code !== 0) this.#lastError = `${code}: ${errorName(code)}`
    else if (failedArguments > 0) this.#lastError = `${Code.failed}: ${errorName(Code.failed)}`
  }

  #answer(verb: (typeof VERBS)[number], message: Msg) {
    this.#post.publish(message.reply!, JSON.stringify({ ...this.#identity(verb), ...this.#details(verb) }))
  }

  #identity(verb: string) {
    const { name, id, version, metadata } = this.#about
    return { type: `io.nats.micro.v1.${verb.toLowerCase()}_response`, name, id, version, metadata }
  }

  #details(verb: (typeof VERBS)[number]) {
    const { description, subject, queue, data, name } = this.#about
    const endpoint = { name, subject, queue_group: queue }
    switch (verb) {
      case 'PING':
        return {}
      case 'INFO':
        return { description, endpoints: [{ ...endpoint, metadata: {} }] }
      case 'STATS':
        return {
          started: this.#started,
          endpoints: [
            {
              ...endpoint,
              num_requests: this.#requests,
              num_errors: this.#errors,
              last_error: this.#lastError,
              data: data(),
              processing_time: this.#processing,
              average_processing_time: this.#requests === 0 ? 0 : Math.round(this.#processing / this.#requests),
            },
          ],
        }
    }
  }
}
