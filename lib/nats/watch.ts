// Tells of what becomes of a connection. However many watch one, nats.js has one listener, and none when nobody does any more.
import { setImmediate } from 'node:timers/promises'
import { ErrorCode, type NatsConnection, NatsError } from './nats.js'
import { SHUTS_OUT, putInWords } from './refusals.js'

/** After a server has shut somebody out it closes the connection: one that is lost later, in milliseconds, has another reason. */
const SOON_MS = 1000

interface Watcher {
  tell(isConnected: boolean): void
  closed(error: Error | undefined): void
}

class Watched {
  readonly #nc: NatsConnection
  readonly #watchers = new Set<Watcher>()
  /** What was told last, since nats.js tells of one loss twice if a dial fails late. */
  #isConnected: boolean | undefined
  #status: (AsyncIterable<{ type: string; data?: unknown }> & { stop?: () => void }) | undefined
  /** The code of what the server has said last of who is shut out. */
  #shutOut: ErrorCode | undefined
  #shutOutAt = 0

  constructor(nc: NatsConnection) {
    this.#nc = nc
    void nc.closed().then(async error => {
      watched.delete(nc)
      const reason = error ? await this.#reasonOf(error) : undefined
      for (const watcher of this.#watchers) watcher.closed(reason)
    })
  }

  add(watcher: Watcher) {
    this.#watchers.add(watcher)
    if (!this.#status) void this.#listen()
  }

  delete(watcher: Watcher) {
    this.#watchers.delete(watcher)
    // Where an iterator cannot be stopped, it is kept for the next one who watches.
    if (this.#watchers.size > 0 || !this.#status?.stop) return
    this.#status.stop()
    this.#status = this.#isConnected = undefined
  }

  tell(isConnected: boolean) {
    if (this.#isConnected === isConnected) return
    this.#isConnected = isConnected
    for (const watcher of this.#watchers) watcher.tell(isConnected)
  }

  async #listen() {
    this.#status = this.#nc.status()
    for await (const { type, data } of this.#status) {
      const now = performance.now()
      if (type === 'disconnect' && now > this.#shutOutAt + SOON_MS) this.#shutOut = undefined
      if (type === 'disconnect' || type === 'reconnect') this.tell(type === 'reconnect')
      else if (type === 'error' && SHUTS_OUT.includes(data)) {
        this.#shutOut = data as ErrorCode
        this.#shutOutAt = now
      }
    }
  }

  /** nats.js forgets a JWT that has expired when it is connected again; if it expires once more, nothing is left to say. */
  async #reasonOf(error: Error): Promise<Error> {
    // What the status says comes a little later.
    await setImmediate()
    if ((error as NatsError).code !== ErrorCode.ConnectionRefused || this.#shutOut === undefined) return error
    const reason = NatsError.errorForCode(this.#shutOut)
    putInWords(reason, undefined)
    return reason
  }
}

const watched = new WeakMap<NatsConnection, Watched>()

/** A connection is given up: whoever watches hears of it before anything more is published. nats.js tells of it later. */
export const tellLost = (nc: NatsConnection) => watched.get(nc)?.tell(false)

/**
 * Tells of each loss and return of a connection, until it is closed for good; resolves then, with the error if any. When
 * `signal` is aborted it ends: it neither tells nor resolves any more.
 */
export function watch(
  nc: NatsConnection,
  tell: (isConnected: boolean) => void,
  signal: AbortSignal,
): Promise<Error | undefined> {
  return new Promise(resolve => {
    if (signal.aborted) return
    let all = watched.get(nc)
    if (!all) watched.set(nc, (all = new Watched(nc)))
    const end = () => {
      signal.removeEventListener('abort', end)
      all.delete(watcher)
    }
    const watcher = {
      tell,
      closed: (error: Error | undefined) => {
        end()
        resolve(error)
      },
    }
    signal.addEventListener('abort', end)
    all.add(watcher)
  })
}
