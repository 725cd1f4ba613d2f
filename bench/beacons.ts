// Who is the matchmaker, as its beacons say.
import type { NatsConnection } from 'nats'

interface Beacon {
  id: string
  at: number
}

export class Beacons {
  readonly all: Beacon[] = []

  /** `service` in the queue group `executors`; each connection is one place to listen. */
  constructor(places: NatsConnection[], service: string) {
    for (const nc of places)
      nc.subscribe(`_EXEC.pool.executors.${service}`, {
        callback: (_, message) => {
          // Executors try their rights there, too.
          if (message.headers?.get('Dispatch') !== 'beacon') return
          const { id, resigns } = message.json<{ id: string; resigns?: boolean }>()
          if (!resigns) this.all.push({ id, at: performance.now() })
        },
      })
  }

  get last(): Beacon | undefined {
    return this.all.at(-1)
  }

  /** Those that were heard from then on. */
  since(at: number): Beacon[] {
    return this.all.filter(beacon => beacon.at >= at)
  }
}
