// The executors that hold calls of a client, and whose turn it is to be asked: each twice a second, with all ids or as many as a
// question takes, and none so often that the others are not asked.
import { Holder, Question, type Watch } from './watch.js'

const HOLD_MS = 500

export class Holders {
  readonly #byId = new Map<string, Holder>()

  get(executorId: string) {
    return this.#byId.get(executorId)
  }

  /** The connection was down: no answer comes, and all are asked again. */
  connected(now: number) {
    for (const holder of this.#byId.values()) {
      holder.question = undefined
      holder.unanswered = 0
      holder.askAt = now
    }
  }

  /** The executor, which is asked in half a second, or at once if it is new and `isUrgent`. */
  meet(executorId: string, isUrgent: boolean, now: number): Holder {
    let holder = this.#byId.get(executorId)
    if (!holder) this.#byId.set(executorId, (holder = new Holder(executorId, isUrgent ? now : now + HOLD_MS)))
    holder.heardAt = now
    return holder
  }

  clear() {
    this.#byId.clear()
  }

  delete(holder: Holder) {
    this.#byId.delete(holder.id)
  }

  /** The next question that is to be asked now, if there is one; its answer is late after `timeoutMs`, or half a second. */
  nextQuestion(timeoutMs: number, now: number, mostIds: number): Question | undefined {
    for (const holder of this.#byId.values()) {
      const { id, watches } = holder
      if (watches.size === 0) this.delete(holder)
      else if (!holder.question && holder.askAt <= now) {
        const asked = takeTurn(holder, mostIds)
        // The others come first next time.
        this.#byId.delete(id)
        this.#byId.set(id, holder)
        holder.askAt = holder.urgent.size > 0 ? now : now + (HOLD_MS * asked.length) / watches.size
        return (holder.question = new Question(id, asked, now, now + Math.max(HOLD_MS, timeoutMs)))
      }
    }
    return undefined
  }
}

function takeTurn({ watches, urgent }: Holder, mostIds: number): Watch[] {
  if (watches.size <= mostIds) {
    urgent.clear()
    return [...watches]
  }
  const asked = new Set<Watch>()
  for (const each of [urgent, watches])
    for (const watch of each) {
      if (asked.size === mostIds) break
      asked.add(watch)
    }
  for (const watch of asked) {
    urgent.delete(watch)
    watches.delete(watch)
    watches.add(watch)
  }
  return [...asked]
}
