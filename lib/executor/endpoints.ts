// Where requests come in: the subject of the service for its default export, and one more for all its other functions, both in the
// queue group. What comes to this executor alone is read here as well.
import { headersOf } from '../nats/headers.js'
import type { LastingSubscription } from '../nats/lasting-subscription.js'
import type { Msg } from '../nats/nats.js'
import { NotARequest, parseRequest, tooManyHeaders } from '../protocol/request.js'
import { type Job, newJob } from './job.js'
import type { Post } from './post.js'

export interface EndpointsParts {
  readonly post: Post
  readonly service: string
  readonly queue: string
  /** The deadline of a request without one, in milliseconds. */
  readonly longestWait: number
  received(job: Job): void
  notARequest(what: NotARequest, inbox: string, functionName: string): void
  /** It has no inbox as its reply subject. */
  dropped(message: Msg): void
}

export class Endpoints {
  readonly #parts: EndpointsParts
  #subscriptions: LastingSubscription[] = []

  constructor(parts: EndpointsParts) {
    this.#parts = parts
  }

  /** From here on requests come. */
  join() {
    if (this.#subscriptions.length > 0) return
    const { post, service, queue } = this.#parts
    this.#subscriptions = [service, `${service}.*`].map(subject =>
      post.subscribe(subject, message => this.hear(message), queue),
    )
  }

  /** No new ones come any more; what is on its way is still heard. */
  async leave() {
    const subscriptions = this.#subscriptions
    this.#subscriptions = []
    await Promise.all(subscriptions.map(each => this.#parts.post.end(each)))
  }

  hear(message: Msg) {
    const { post, service, longestWait } = this.#parts
    const { reply, subject } = message
    if (!reply || !post.isInbox(reply)) return this.#parts.dropped(message)
    // Only where the subject does not say it a header may: rights to subjects are rights to functions.
    const functionName =
      subject === service ? '' : subject.startsWith(`${service}.`) ? subject.slice(service.length + 1) : undefined
    const headers = headersOf(message)
    const request =
      tooManyHeaders(headers) ?? parseRequest(headers, message.data, [reply], 0, longestWait, functionName)
    if (request instanceof NotARequest) this.#parts.notARequest(request, reply, functionName ?? '')
    else this.#parts.received(newJob(request))
  }
}
