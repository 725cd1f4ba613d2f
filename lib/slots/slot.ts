// A slot: one process that has loaded the function, and the requests that were sent to it.
//
// States: starting (the function is being loaded) → loaded → open (it takes requests) → leaving (it takes no more) → ended.
// From each of them the process may end at any time.
// In a slot with a width of 1 one request runs and others may wait, sent ahead (see sent.ts); in a wider one all run.
import { Code } from '../protocol/codes.js'
import { traceOf } from '../protocol/thrown.js'
import { Aborts } from './aborts.js'
import { ended, endingsOf } from './endings.js'
import { type Frame, Kind, sharedNow } from './frames.js'
import { OutputStreams } from './output-lines.js'
import { writeLine } from './request-line.js'
import { Room } from './room.js'
import type { Served } from './served.js'
import type { SlotOwner } from './slot-owner.js'
import { CLOSED, type ProcessOptions, SlotProcess } from './slot-process.js'
import type { Ended, Outcome, Task } from './task.js'
import { STOP_HOOKS_MS } from './process/setup.js'

/** How long a process without work may take to end in order, beside what user code may. */
const CLOSE_GRACE_MS = 250
const WROTE = 'the function wrote to the pipes of its slot'

export class Slot<T extends Task> {
  state: 'starting' | 'loaded' | 'open' | 'leaving' | 'ended' = 'starting'
  readonly room: Room<T>
  /** What its module serves, once it is loaded. */
  served: Served = { functions: [] }
  /** How many have ended here. */
  finished = 0
  /** By `performance.now()`. */
  openedAt: number | undefined
  /** Resolves when the process has ended. */
  readonly whenEnded: Promise<void>
  readonly #owner: SlotOwner<T>
  readonly #process: SlotProcess
  readonly #aborts: Aborts<T>
  readonly #output: OutputStreams
  /** The owner is in the middle of something, and is told afterwards. */
  #isBusy = false
  #isToEnd = false
  #isNeeded = true
  #closeTimer: NodeJS.Timeout | undefined
  /** Whose code has ended the process. */
  #exitOf: number | undefined
  #resolveEnded!: () => void

  constructor(options: ProcessOptions, owner: SlotOwner<T>) {
    this.#owner = owner
    this.room = new Room(options.width)
    this.whenEnded = new Promise(resolve => (this.#resolveEnded = resolve))
    this.#output = new OutputStreams(output => owner.output(output))
    this.#process = new SlotProcess(options, {
      heard: frames => this.#heard(frames),
      printed: (stream, chunk) =>
        this.#output.write(stream, chunk, this.room.sent.length === 1 ? this.room.sent.first!.id : undefined),
      ended: why => this.#ended(why),
    })
    this.#aborts = new Aborts(this.room, this.#process, task => {
      this.leave()
      owner.settled(this, [ended(task, task.ending!)])
    })
  }

  get pid() {
    return this.#process.pid
  }

  isRunning(task: T) {
    return this.room.isRunning(task)
  }

  /** Whether its process ends because of us. */
  get isOurs() {
    return this.#isToEnd || this.#process.killedFor !== undefined
  }

  /** From here on it takes requests; false if it has ended. */
  open(): boolean {
    if (this.state !== 'loaded' || this.#process.hasExited) return false
    this.state = 'open'
    this.room.isOpen = true
    this.openedAt = performance.now()
    return true
  }

  send(task: T) {
    task.slot = this
    task.number = this.room.sent.nextNumber
    const now = sharedNow()
    const until = now + task.deadline - performance.now()
    this.#process.post(Kind.request, task.number, task.batchSize, task.body, writeLine(task), now, until)
    this.room.sent.push(task)
    this.#keepAlive()
  }

  /** Takes back all that has not started. What may have started meanwhile stays, until that is known. */
  recall(): T[] {
    if (this.room.width > 1) return []
    this.#isBusy = true
    const back = this.room.sent.recall(
      (from, before) => this.#process.post(Kind.recall, from, before),
      () => this.#process.flush(),
      () => this.#process.hearAll(),
    )
    this.#isBusy = false
    if (this.room.sent.length === 0) this.room.isLong = false
    return back
  }

  /** Ends a computation: by its signal, and if that does not help by the end of its process. */
  end(task: T, code: number, text: string) {
    if (task.ending) return
    task.ending = { code, text }
    if (this.isRunning(task)) this.#aborts.start(task)
  }

  /** Ends the process at once: what runs gets this answer. */
  kill(code: number, text: string) {
    for (const task of this.room.running) task.ending ??= { code, text }
    this.#process.kill(text)
  }

  /** Takes no more; the process ends when nothing is left to compute. */
  leave() {
    if (this.state === 'ended' || this.state === 'leaving') return this.#closeIfEmpty()
    this.state = 'leaving'
    this.room.isOpen = false
    this.#isToEnd = true
    this.#keepAlive()
    this.#owner.returned(this.recall())
    this.#closeIfEmpty()
  }

  /** Ends the process for good, whatever it does. */
  close() {
    this.#isToEnd = true
    if (this.state === 'starting' || this.room.sent.length > 0) this.#process.kill()
    else this.leave()
  }

  /** A slot without work does not keep this process from ending by itself. */
  #keepAlive() {
    const isNeeded = this.state === 'starting' || this.#isToEnd || this.room.sent.length > 0
    if (isNeeded === this.#isNeeded) return
    this.#isNeeded = isNeeded
    this.#process.keepAlive(isNeeded)
  }

  #closeIfEmpty() {
    if (this.state !== 'leaving' || this.room.sent.length > 0 || this.#closeTimer) return
    this.#process.post(Kind.end)
    this.#closeTimer = setTimeout(() => this.#process.kill(), STOP_HOOKS_MS + CLOSE_GRACE_MS)
  }

  #heard(frames: Frame[]) {
    if (this.#process.hasExited) this.room.isOpen = false
    const facts: (() => void)[] = []
    const outcomes: Outcome<T>[] = []
    try {
      for (const frame of frames) this.#hear(frame, outcomes, facts)
    } catch {
      this.kill(Code.failed, WROTE)
    }
    if (outcomes.length > 0) facts.push(() => this.#owner.settled(this, outcomes))
    const tell = () => {
      for (const fact of facts) fact()
      this.#closeIfEmpty()
      this.#keepAlive()
    }
    if (this.#isBusy) queueMicrotask(tell)
    else tell()
  }

  #hear({ kind, number, extra, time, id, body }: Frame, outcomes: Outcome<T>[], facts: (() => void)[]) {
    switch (kind) {
      case Kind.result:
        return this.#finish(number, outcomes, { code: 0, body, nanoseconds: time, failedArguments: extra })
      case Kind.bytes:
        return this.#finish(number, outcomes, { code: 0, body, isBytes: true, nanoseconds: time })
      case Kind.error: {
        const { text, thrown } = JSON.parse(body.toString())
        return this.#finish(number, outcomes, { code: extra, body: Buffer.from(text), nanoseconds: time, thrown })
      }
      case Kind.argumentError: {
        const { code, text, thrown } = JSON.parse(body.toString())
        const task = this.room.sent.find(number)
        if (task) facts.push(() => this.#owner.argumentFailed(task, extra, code, text, traceOf(thrown)))
        return
      }
      case Kind.recalled:
        if (!this.room.sent.recalled(extra)) return
        facts.push(() => {
          this.#owner.returned(this.room.sent.takeBack(number, extra))
          if (this.room.sent.length === 0) this.room.isLong = false
          this.#owner.settled(this, [])
        })
        return
      case Kind.aborted:
        return this.#aborts.arrived(number)
      case Kind.progress: {
        const task = this.room.sent.find(number)
        if (task) facts.push(() => this.#owner.progressed(task, body))
        return
      }
      case Kind.output:
        this.#output.write(extra === 1 ? 'stdout' : 'stderr', body, id || undefined)
        return
      case Kind.stray: {
        const { what, text, id: of } = JSON.parse(body.toString())
        facts.push(() => this.#owner.stray(this, `the function left ${what} unhandled: ${text}`, of))
        return
      }
      case Kind.garbage:
        return this.#spoilt()
      case Kind.exit:
        this.#exitOf = number
        return
      case Kind.imported:
        facts.push(() => this.#owner.imported(body.toString()))
        return
      case Kind.ready:
        if (this.#process.hasExited) return
        this.state = 'loaded'
        this.served = JSON.parse(body.toString())
        this.#process.hasLoaded = true
        facts.push(() => this.#owner.loaded(this))
        return
      default:
        throw new RangeError('not a frame')
    }
  }

  #finish(
    number: number,
    outcomes: Outcome<T>[],
    { code, body, isBytes = false, nanoseconds, failedArguments = 0, thrown }: Ended,
  ) {
    const { sent, width } = this.room
    // Of several pipes each is in order; when what lies in them is spoilt, they are not with each other.
    if (width === 1 && sent.first?.number !== number) this.#spoilt()
    const task = sent.find(number)
    // It was left alone, and has ended after all.
    if (!task) return
    sent.remove(task)
    this.finished++
    this.#output.end()
    if (nanoseconds > 0) this.room.window.learn(nanoseconds / 1e6)
    this.room.isLong = false
    if (this.room.width === 1) this.#firstIsNew()
    // It ended by itself, unless it ended because it was told to.
    if (task.ending && (code !== 0 || task.ending.isFinal)) outcomes.push(ended(task, task.ending))
    else outcomes.push({ task, code, body, isBytes, nanoseconds, thrown, failedArguments })
  }

  /** User code has written to the pipes. It is the fault of whoever runs when it is found first. */
  #spoilt() {
    if (this.#process.killedFor !== undefined) return
    const { first } = this.room.sent
    // Its descriptors are spoilt, those of Node's own, too. What it has computed until it ends counts.
    if (this.room.width > 1 || !first) return this.kill(Code.failed, WROTE)
    first.ending ??= { code: Code.failed, text: WROTE, isFinal: true }
    this.#process.kill(WROTE)
  }

  #firstIsNew() {
    this.#aborts.clear()
    const { first } = this.room.sent
    if (!first) return
    first.startedAt = performance.now()
    if (first.ending) this.#aborts.start(first)
  }

  #ended(why: string) {
    this.#aborts.clear()
    clearTimeout(this.#closeTimer)
    this.#output.end()
    const started = this.room.running
    const sent = this.room.sent.clear()
    this.state = 'ended'
    this.room.isOpen = false
    const { killedFor } = this.#process
    const end = { why, isKilled: killedFor !== undefined, isClosed: killedFor === CLOSED, exitOf: this.#exitOf }
    const { outcomes, interrupted } = endingsOf(started, end)
    this.#owner.returned(sent.slice(started.length))
    this.#owner.interrupted(interrupted, why)
    this.#owner.settled(this, outcomes)
    this.#owner.ended(this, why, started.length === 0)
    this.#resolveEnded()
  }
}
