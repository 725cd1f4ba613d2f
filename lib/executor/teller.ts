// Tells listeners of events when the state has settled: after the turn in which they happened, in order. A listener that throws
// is the user's affair and disturbs nobody.
import type { EventEmitter } from 'node:events'
import { inspect } from 'node:util'

export class Teller<Events extends { [name in keyof Events]: unknown[] }> {
  readonly #emitter: EventEmitter<Events>
  #facts: (() => void)[] = []

  constructor(emitter: EventEmitter<Events>) {
    this.#emitter = emitter
  }

  /** Details that take time to make may be given as a function. */
  emit<Name extends keyof Events>(name: Name, ...details: Events[Name] | [() => Events[Name][0]]) {
    if (this.#emitter.listenerCount(name as never) === 0) return
    const [detail] = details
    const facts = typeof detail === 'function' ? [detail()] : details
    if (this.#facts.push(() => (this.#emitter as any).emit(name, ...facts)) === 1) queueMicrotask(() => this.#flush())
  }

  #flush() {
    const facts = this.#facts
    this.#facts = []
    for (const tell of facts)
      try {
        tell()
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : inspect(error))
      }
  }
}
