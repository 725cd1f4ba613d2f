// What executors and clients are told of their connection, and of where they meet.
import type { CheckedOptions } from './nats/connection-options.js'
import type { ConnectionOptions, NatsConnection } from './nats/nats.js'

export interface ConnectionChoice {
  /**
   * A NATS connection, which stays yours to close; or URLs or options of nats.js for one that is then owned and closed here.
   * URLs are `nats://` or, for TLS only, `tls://`; they may have credentials, the same in all of them, percent-encoded:
   * `nats://user:password@host:4222`, `nats://token@host`. A server that says nothing for `timeout` (5000 ms) is given up.
   * @default process.env.NATS_URL, else 'nats://127.0.0.1:4222'
   */
  connection?: NatsConnection | ConnectionOptions | string | string[] | undefined
  /**
   * The service: the subject of its requests.
   * @default 'fibonacci'
   */
  service?: string | undefined
  /**
   * What the subjects begin with that executors, and clients beside their requests, use. The same for all of them.
   * @default '_EXEC'
   */
  prefix?: string | undefined
}

export interface FilledConnection {
  connection: NatsConnection | CheckedOptions
}
