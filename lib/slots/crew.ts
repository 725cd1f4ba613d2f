// Keeps the slots alive: a process that has ended is replaced, after a pause that grows if it ends soon after each start; one that
// has computed its share, or in which user code has gone astray, when another is ready to take its place.
//
// Each place has a slot: starting, open, or ended and waiting for its pause to be over. Besides there may be slots that leave
// (they compute what they have), and one spare, which has loaded the function or is about to: for a slot that is worn out, and
// while a computation runs that may have to be ended by force, so that its place is not empty then. And one may try a new version of
// the module: when it has loaded it, all others leave (see reload.ts).
import { MemoryWatch } from './memory-watch.js'
import type { Setup } from './process/setup.js'
import { Reload } from './reload.js'
import type { Served } from './served.js'
import type { SlotOwner } from './slot-owner.js'
import { Slot } from './slot.js'
import type { Outcome, Output, Task } from './task.js'
import { Code } from '../protocol/codes.js'

/** A spare that nobody has needed for so long ends. */
const SPARE_FOR_MS = 60_000
/** A slot that ends sooner, with nothing to compute, has failed to start. */
const SOON_MS = 1000
const PAUSE_MS = { first: 100, most: 10_000 }
/** Without a working slot for so long there is no hope. */
const HOPELESS_MS = 60_000
/** A process gives each request a number of 32 bits. */
const MAX_REQUESTS = 2 ** 31

export interface CrewOptions extends Omit<Setup, 'width'> {
  concurrency: number
  processes: number
  memoryLimit: number
  maxRequests: number
  execArgv: readonly string[]
}

export interface CrewOwner<T extends Task> extends Pick<
  SlotOwner<T>,
  'settled' | 'returned' | 'interrupted' | 'argumentFailed' | 'progressed' | 'imported'
> {
  output(output: Output): void
  warning(text: string): void
  /** What the slots serve from here on. */
  loaded(served: Served): void
  /** A slot takes requests. */
  opened(): void
  /** A slot has failed to start. */
  failed(error: Error): void
  /** There is no slot that works any more, or there is one again. */
  isWorking(isWorking: boolean): void
  /** There has been none for a minute. */
  hopeless(error: Error): void
}

export class Crew<T extends Task> implements SlotOwner<T> {
  /** By place. */
  readonly slots: Slot<T>[]
  readonly #options: CrewOptions
  readonly #owner: CrewOwner<T>
  readonly #leaving = new Set<Slot<T>>()
  readonly #wornOut = new Set<Slot<T>>()
  readonly #reload = new Reload<T>(() => this.#start(this.slots[0]!.room.width))
  #spare: Slot<T> | undefined
  #spareTimer: NodeJS.Timeout | undefined
  readonly #memory: MemoryWatch<T>
  readonly #pauses = new Set<NodeJS.Timeout>()
  /** Starts in a row that have failed. */
  #failures = 0
  #hopelessTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: CrewOptions, owner: CrewOwner<T>) {
    this.#options = options
    this.#owner = owner
    const { concurrency, processes, memoryLimit } = options
    this.#memory = new MemoryWatch(() => this.all, memoryLimit)
    this.slots = Array.from({ length: processes }, (_, place) =>
      this.#start(Math.floor((concurrency + place) / processes)),
    )
  }

  /** Every slot in which requests are. */
  get all(): readonly Slot<T>[] {
    return this.#leaving.size === 0 ? this.slots : [...this.slots, ...this.#leaving]
  }

  /** The slot that has the fewest requests, of those that have room. */
  leastBusy(): Slot<T> | undefined {
    let best: Slot<T> | undefined
    for (const slot of this.slots)
      if (slot.room.isThere && (!best || slot.room.outstanding < best.room.outstanding)) {
        best = slot
        if (slot.room.outstanding === 0) break
      }
    return best
  }

  /** A computation may have to be ended by force. */
  prepareSpare() {
    if (this.#failures === 0) this.#startSpare()
  }

  #startSpare() {
    if (this.#isClosed) return
    this.#spare ??= this.#start(this.slots[0]!.room.width)
    clearTimeout(this.#spareTimer)
    this.#spareTimer = setTimeout(() => this.#spare?.close(), SPARE_FOR_MS).unref()
  }

  /** Something is computed: its memory is watched. */
  watchMemory() {
    this.#memory.start()
  }

  /**
   * Loads the module anew, and replaces all slots: they finish what they run. Rejects with the reason if it cannot be loaded; then all
   * stays as it is.
   */
  reload(): Promise<void> {
    return this.#reload.run()
  }

  /** Ends all processes, after `graceMs` whatever they do; resolves when they have ended. */
  async close(graceMs: number) {
    this.#isClosed = true
    for (const timer of [...this.#pauses, this.#spareTimer, this.#hopelessTimer]) clearTimeout(timer)
    this.#memory.close()
    const all = [...this.all, ...(this.#spare ? [this.#spare] : [])]
    for (const slot of all) slot.close()
    const late = setTimeout(() => all.forEach(slot => slot.kill(Code.unavailable, 'the executor was stopped')), graceMs)
    await Promise.all([...all.map(({ whenEnded }) => whenEnded), this.#reload.close()])
    clearTimeout(late)
  }

  // What slots tell.

  loaded(slot: Slot<T>) {
    if (this.#isClosed) return
    if (this.#reload.isTriedBy(slot)) {
      if (this.#reload.loaded()) this.#replaceAll(slot)
    } else if (slot === this.#spare) this.#placeSpare()
    // One that follows a failure has to live for a while.
    else if (this.#failures > 0) this.#later(SOON_MS, () => this.#open(slot))
    else this.#open(slot)
  }

  settled(slot: Slot<T>, outcomes: Outcome<T>[]) {
    const share = Math.min(this.#options.maxRequests, MAX_REQUESTS)
    if (slot.finished >= share / 2) this.#startSpare()
    if (slot.finished >= share) this.#wearOut(slot)
    if (slot.state === 'leaving') this.#replace(slot)
    this.#owner.settled(slot, outcomes)
  }

  stray(slot: Slot<T>, text: string, id: string | undefined) {
    this.#owner.warning(id ? `${text} (of request ${id})` : text)
    this.#wearOut(slot)
  }

  returned(tasks: T[]) {
    if (tasks.length > 0) this.#owner.returned(tasks)
  }

  interrupted(tasks: T[], text: string) {
    if (tasks.length > 0) this.#owner.interrupted(tasks, text)
  }

  argumentFailed(...failure: Parameters<SlotOwner<T>['argumentFailed']>) {
    this.#owner.argumentFailed(...failure)
  }

  progressed(task: T, body: Uint8Array) {
    this.#owner.progressed(task, body)
  }

  imported(file: string) {
    this.#owner.imported(file)
  }

  output(output: Output) {
    this.#owner.output(output)
  }

  ended(slot: Slot<T>, why: string, wasIdle: boolean) {
    // It is no slot's failure: all others have the code with which they work.
    if (this.#reload.isTriedBy(slot)) return this.#reload.ended(why)
    this.#leaving.delete(slot)
    this.#wornOut.delete(slot)
    if (this.#isClosed) return
    const hasFailed = slot.openedAt === undefined || (wasIdle && performance.now() - slot.openedAt < SOON_MS)
    if (slot === this.#spare) this.#spare = undefined
    if (hasFailed && !slot.isOurs) this.#failed(why)
    else if (!hasFailed) this.#failures = 0
    if (this.#isClosed) return
    if (this.slots.includes(slot)) this.#later(this.#pauseMs, () => this.#replace(slot))
    else if (this.#wornOut.size > 0) this.#later(this.#pauseMs, () => this.#startSpare())
  }

  #start(width: number) {
    const { module, title, reportImports, exposeStack, memoryLimit, execArgv } = this.#options
    return new Slot<T>({ module, title, reportImports, exposeStack, memoryLimit, execArgv, width }, this)
  }

  #open(slot: Slot<T>) {
    if (!this.slots.includes(slot) || !slot.open()) return
    this.#owner.loaded(slot.served)
    clearTimeout(this.#hopelessTimer)
    if (this.#hopelessTimer) this.#owner.isWorking(true)
    this.#hopelessTimer = undefined
    this.#owner.opened()
  }

  /** A slot is to be replaced as soon as another one is ready. */
  #wearOut(slot: Slot<T>) {
    if (!this.slots.includes(slot) || this.#wornOut.has(slot)) return
    this.#wornOut.add(slot)
    this.#startSpare()
    this.#placeSpare()
  }

  #placeSpare() {
    const [slot] = this.#wornOut
    if (slot && this.#spare?.state === 'loaded') this.#replace(slot)
  }

  /** A slot takes nothing any more: the spare or a new one gets its place. */
  #replace(slot: Slot<T>) {
    const place = this.slots.indexOf(slot)
    if (place < 0 || this.#isClosed) return
    const spare = this.#spare?.room.width === slot.room.width ? this.#spare : undefined
    if (spare) this.#spare = undefined
    const next = spare ?? this.#start(slot.room.width)
    this.slots[place] = next
    this.#wornOut.delete(slot)
    if (slot.state !== 'ended') {
      this.#leaving.add(slot)
      slot.leave()
    }
    if (next.state === 'loaded') this.#open(next)
    if (this.#wornOut.size > 0) this.#startSpare()
  }

  /** The module is new, and `first` has loaded it: all others are of no use any more. */
  #replaceAll(first: Slot<T>) {
    const old = [...this.slots, ...(this.#spare ? [this.#spare] : [])].filter(({ state }) => state !== 'ended')
    for (const [place, { room }] of this.slots.entries())
      this.slots[place] = place === 0 ? first : this.#start(room.width)
    this.#spare = undefined
    this.#wornOut.clear()
    this.#failures = 0
    for (const slot of old) {
      this.#leaving.add(slot)
      if (slot.room.outstanding > 0) slot.leave()
      else slot.close()
    }
    this.#open(first)
  }

  #failed(why: string) {
    this.#failures++
    const error = new Error(why)
    this.#owner.failed(error)
    if (this.#isClosed || this.slots.some(({ state }) => state === 'open') || this.#hopelessTimer) return
    this.#owner.isWorking(false)
    const giveUp = () => {
      // Whoever is changing the module has hope.
      if (this.#reload.hasFailed) this.#hopelessTimer = setTimeout(giveUp, HOPELESS_MS)
      else this.#owner.hopeless(error)
    }
    this.#hopelessTimer = setTimeout(giveUp, HOPELESS_MS)
  }

  /** How long to wait until the next start, in milliseconds. */
  get #pauseMs() {
    return this.#failures === 0 ? 0 : Math.min(PAUSE_MS.most, PAUSE_MS.first * 2 ** (this.#failures - 1))
  }

  #later(ms: number, act: () => void) {
    if (ms === 0) return act()
    const timer = setTimeout(() => {
      this.#pauses.delete(timer)
      act()
    }, ms)
    this.#pauses.add(timer)
  }
}
