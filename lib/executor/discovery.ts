// Discovery and statistics by ADR-32 (nats-architecture-and-design, "NATS Micro"), so that `nats service list`, `info`
// and `stats` see executors, an endpoint a function. The `services` API of nats.js takes an asynchronous handler for finished when it
// returns.
import type { Msg } from '../nats/nats.js'
import { functionSubject, serviceName } from '../protocol/subjects.js'
import type { ServedFunction } from '../slots/served.js'
import type { Post } from './post.js'
import type { Statistics } from './statistics.js'

export interface ServiceDescription {
  id: string
  /** The subject of its requests. */
  service: string
  version: string
  metadata: Record<string, string>
  queue: string
  functions(): Iterable<ServedFunction>
  statistics: Statistics
  /** What STATS shows beside the counts. */
  data: () => unknown
}

const VERBS = ['PING', 'INFO', 'STATS'] as const

export class Discovery {
  readonly #post: Post
  readonly #about: ServiceDescription
  readonly #name: string
  readonly #started = new Date().toISOString()

  constructor(post: Post, about: ServiceDescription) {
    this.#post = post
    this.#about = about
    this.#name = serviceName(about.service)
  }

  start() {
    const name = this.#name
    for (const verb of VERBS)
      for (const subject of [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${this.#about.id}`])
        this.#post.serve(subject, message => this.#answer(verb, message))
  }

  #answer(verb: (typeof VERBS)[number], message: Msg) {
    const { maxPayload } = this.#post
    const text = textWithin(maxPayload, { ...this.#identity(verb), ...this.#details(verb) })
    if (text !== undefined) this.#post.publish(message.reply!, text)
  }

  #identity(verb: string) {
    const { id, version, metadata } = this.#about
    return { type: `io.nats.micro.v1.${verb.toLowerCase()}_response`, name: this.#name, id, version, metadata }
  }

  #details(verb: (typeof VERBS)[number]) {
    const functions = [...this.#about.functions()]
    switch (verb) {
      case 'PING':
        return {}
      case 'INFO':
        return {
          description: `computes ${this.#about.service}`,
          endpoints: functions.map(each => ({ ...this.#endpoint(each), metadata: metadataOf(each) })),
        }
      case 'STATS': {
        const data = this.#about.data()
        return {
          started: this.#started,
          endpoints: functions.map(each => ({ ...this.#endpoint(each), ...this.#counts(each), data })),
        }
      }
    }
  }

  #endpoint({ name }: ServedFunction) {
    const { service, queue } = this.#about
    return { name: serviceName(name) || this.#name, subject: functionSubject(service, name), queue_group: queue }
  }

  #counts({ name }: ServedFunction) {
    const { requests, errors, lastError, processing } = this.#about.statistics.of(name)
    return {
      num_requests: requests,
      num_errors: errors,
      last_error: lastError,
      processing_time: processing,
      average_processing_time: requests === 0 ? 0 : Math.round(processing / requests),
    }
  }
}

/** The settings of a function, as text. */
function metadataOf({ timeLimit, concurrency, maxAttempts, schema }: ServedFunction): Record<string, string> {
  return {
    ...(schema !== undefined && { input: JSON.stringify(schema) }),
    ...(timeLimit !== undefined && { timeLimit: String(timeLimit) }),
    ...(concurrency !== undefined && { concurrency: String(concurrency) }),
    ...(maxAttempts !== undefined && { maxAttempts: String(maxAttempts) }),
  }
}

/** Rather without schemas, and then with those functions alone that are called most, than not at all. */
function textWithin(most: number, said: { endpoints?: { name: string; num_requests?: number }[] }): string | undefined {
  let text = JSON.stringify(said)
  if (Buffer.byteLength(text) <= most) return text
  let endpoints = (said.endpoints ?? []).toSorted((a, b) => (b.num_requests ?? 0) - (a.num_requests ?? 0))
  for (;;) {
    text = JSON.stringify({ ...said, endpoints }, (key, value: unknown) => (key === 'input' ? undefined : value))
    const bytes = Buffer.byteLength(text)
    if (bytes <= most) return text
    if (endpoints.length <= 1) return undefined
    endpoints = endpoints.slice(0, Math.ceil((endpoints.length - 1) * (most / bytes)))
  }
}
