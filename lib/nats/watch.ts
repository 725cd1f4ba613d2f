// Tells of what becomes of a connection. However many watch one, nats.js has one listener, and none when nobody does any more.
import type { NatsConnection } from './nats.js'

interface Watcher {
  tell(isConnected: boolean): void
  closed(error: Error | undefined): void
}

class Watched {
  readonly #nc: NatsConnection
  readonly #watchers = new Set<Watcher>()
  /** What was told last, since nats.js tells of one loss twice if a dial fails late. */
  #isConnected: boolean | undefined
  #status: (AsyncIterable<{ type: string }> & { stop?: () => void }) | undefined

  constructor(nc: NatsConnection) {
    this.#nc = nc
    void nc.closed().then(error => {
      watched.delete(nc)
      for (const watcher of this.#watchers) watcher.closed(error ?? undefined)
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
    for await (const { type } of this.#status)
      if (type === 'disconnect' || type === 'reconnect') this.tell(type === 'reconnect')
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
