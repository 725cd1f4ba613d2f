// A slot: one process that has loaded the function, the requests that were sent to it, and what happens when it ends.
//
// States: starting (the function is being loaded) → loaded → open (it takes requests) → leaving (it takes no more) → ended.
// From each of them the process may end at any time, which `ended` tells.
//
// Of the requests in a slot with a width of 1 the first one runs and the others wait, sent ahead so that the slot stands empty
// for no moment. They may be taken back at once (`recall`), although the process may be blocked: the word is written first, then
// all results are read. If the first one's is not among them, it still runs, and since it has run for LONG_MS the process looks
// for the word before it starts another. If it is among them, one of the others may have started: the process says.
// In a wider slot all requests run.
import type { ChildProcess } from 'node:child_process'
import { Code } from '../protocol/codes.js'
import { type Frame, FrameEncoder, FrameReader, Kind, LONG_MS, sharedNow } from './frames.js'
import { OutputLines } from './output-lines.js'
import { type ProcessOptions, SlotProcess, readNow } from './slot-process.js'
import type { Outcome, Output, Task } from './task.js'

/** How long a computation that listens to its signal may take to end by itself. */
const ABORT_GRACE_MS = 25
/** How long a process without work may take to end in order. */
const CLOSE_GRACE_MS = 250
/** The most requests that are in a slot at once. */
const MAX_WINDOW = 128
/** The computations that are sent ahead should take about this long together. */
const BATCH_MS = 2
/** How much the last computation counts for the time that one takes, against all before. */
const LATEST = 0.2
/** As much of what the process has written to its standard error is kept as tells why it ended. */
const LAST_WORDS = 8192

export interface SlotOwner<T extends Task> {
  /** The function is loaded. */
  loaded(slot: Slot<T>): void
  /** Computations have ended, or a slot has become free: there may be room. */
  settled(slot: Slot<T>, outcomes: Outcome<T>[]): void
  /** These had not started, and will not start here. */
  returned(tasks: T[]): void
  /** These had started and were ended by what is not their fault. */
  interrupted(tasks: T[], text: string): void
  /** One argument of a batch has failed. */
  argumentFailed(task: T, index: number, code: number, text: string, stack: string | undefined): void
  /** User code has thrown where nobody could catch it; `id` is that of its request. */
  stray(slot: Slot<T>, text: string, id: string | undefined): void
  output(output: Output): void
  /** The process has ended, and why; `wasIdle` unless a request ran. */
  ended(slot: Slot<T>, why: string, wasIdle: boolean): void
}

export class Slot<T extends Task> {
  state: 'starting' | 'loaded' | 'open' | 'leaving' | 'ended' = 'starting'
  readonly width: number
  /** The first computation has taken longer than LONG_MS, or is taken for one that will. */
  isLong = false
  /** How many have ended here. */
  finished = 0
  /** By `performance.now()`. */
  openedAt: number | undefined
  /** It ends since it was told to. */
  isOurs = false
  readonly #owner: SlotOwner<T>
  readonly #process: SlotProcess
  readonly #memoryLimit: number
  readonly #encoder: FrameEncoder
  readonly #reader: FrameReader
  readonly #lines: Record<'stdout' | 'stderr', OutputLines>
  /** Sent and not ended, in order. */
  #sent: T[] = []
  #number = 0
  #window = 1
  #meanMs: number | undefined
  /** Since when the first one runs, not before it does. */
  #firstSince = 0
  /** What is taken back and may have started: before this number. */
  #recallBefore: number | undefined
  #isCorked = false
  #abortTimer: NodeJS.Timeout | undefined
  #closeTimer: NodeJS.Timeout | undefined
  /** Why the process is ended, if it is by us. */
  #killedFor: string | undefined
  #exit: { code: number; number: number } | undefined
  #lastWords = ''
  #resolveEnded!: () => void
  readonly #whenEnded = new Promise<void>(resolve => (this.#resolveEnded = resolve))

  constructor(options: ProcessOptions, owner: SlotOwner<T>) {
    this.#owner = owner
    this.width = options.width
    this.#memoryLimit = options.memoryLimit
    const { child, results, secret } = (this.#process = new SlotProcess(options))
    this.#encoder = new FrameEncoder(secret)
    this.#reader = new FrameReader(secret)
    this.#lines = {
      stdout: new OutputLines('stdout', output => owner.output(output)),
      stderr: new OutputLines('stderr', output => owner.output(output)),
    }
    results.on('data', (chunk: Buffer) => this.#read(chunk))
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]!.on('data', (chunk: Buffer) => this.#printed(stream, chunk))
    child.on('error', error => this.#ended(error.message))
    child.on('exit', (code, signal) => this.#exited(child, code, signal))
  }

  get pid() {
    return this.#process.child.pid
  }

  get outstanding() {
    return this.#sent.length
  }

  /** Whether the last computations do not promise that the next ones are short. */
  get isCautious() {
    return this.isLong || this.#window === 1
  }

  /** How many more requests start at once. */
  get freePlaces() {
    if (this.state !== 'open' || this.#isRecalling) return 0
    return this.width > 1 ? this.width - this.#sent.length : this.#sent.length === 0 ? 1 : 0
  }

  /** Whether no place will be free soon: all compute something that is or may be long. */
  get isSaturated() {
    if (this.state !== 'open') return true
    return this.width > 1 ? this.#sent.length >= this.width : this.isCautious && this.#sent.length > 0
  }

  /** Whether one more request may be sent that is computed soon. */
  get hasRoom() {
    if (this.state !== 'open' || this.#isRecalling) return false
    return this.#sent.length < (this.width > 1 ? this.width : this.isLong ? 0 : this.#window)
  }

  /** Whether the request that comes next may be sent ahead: it can be taken back. */
  get mayPrefetch() {
    return this.state === 'open' && !this.#isRecalling && this.#sent.length === 1 && this.isLong && this.#isRecallable
  }

  /** The request that was sent ahead while a long one runs. */
  get prefetched(): T | undefined {
    return this.isLong && !this.#isRecalling ? this.#sent[1] : undefined
  }

  /** The requests that run. */
  get running(): readonly T[] {
    return this.width > 1 ? this.#sent : this.#sent.slice(0, 1)
  }

  isRunning(task: T) {
    return task.slot === this && (this.width > 1 || this.#sent[0] === task)
  }

  /** When the first computation turns long, by `performance.now()`. */
  get longAt() {
    return this.#firstSince + LONG_MS
  }

  send(task: T) {
    task.slot = this
    task.number = this.#number++
    this.#post(Kind.request, task.number, task.batchSize, task.body, task.id, sharedNow())
    task.startedAt = performance.now()
    if (this.#sent.push(task) === 1) this.#firstSince = task.startedAt
  }

  /** Takes back all that has not started. What may have started meanwhile stays, until the process says. */
  recall(): T[] {
    if (this.width > 1 || this.#sent.length < 2 || this.#isRecalling || !this.#isRecallable) return []
    const [first, second] = this.#sent as [T, T]
    this.#recallBefore = this.#number
    this.#post(Kind.recall, second.number, this.#number)
    this.#uncork()
    const { requests, results } = this.#process
    const isWritten = requests.writableLength === 0
    const unread = readNow(results)
    if (unread && unread.length > 0) this.#read(unread, true)
    if (!isWritten || !unread || this.#sent[0] !== first) return []
    this.#recallBefore = undefined
    return this.#takeBack(second.number, this.#number)
  }

  /** Ends a computation: by its signal, and if that does not help by the end of its process. */
  end(task: T, code: number, text: string) {
    if (task.ending) return
    task.ending = { code, text }
    if (this.isRunning(task)) this.#abort(task)
  }

  /** Ends the process at once: what runs gets this answer. */
  kill(code: number, text: string) {
    for (const task of this.running) task.ending ??= { code, text }
    this.#killedFor ??= text
    this.#process.kill()
  }

  /** From here on it takes requests; false if it has ended. */
  open(): boolean {
    if (this.state !== 'loaded') return false
    this.state = 'open'
    this.openedAt = performance.now()
    return true
  }

  /** Resolves when the process has ended. */
  get whenEnded() {
    return this.#whenEnded
  }

  /** Takes no more; the process ends when nothing is left to compute. */
  leave() {
    if (this.state === 'ended' || this.state === 'leaving') return this.#closeIfEmpty()
    this.state = 'leaving'
    this.isOurs = true
    const back = this.recall()
    if (back.length > 0) this.#owner.returned(back)
    this.#closeIfEmpty()
  }

  /** Ends the process for good, whatever it does. */
  close() {
    this.isOurs = true
    if (this.state === 'starting' || this.#sent.length > 0) this.#process.kill()
    else this.leave()
  }

  get #isRecalling() {
    return this.#recallBefore !== undefined
  }

  get #isRecallable() {
    return performance.now() - this.#firstSince > LONG_MS
  }

  #closeIfEmpty() {
    if (this.state !== 'leaving' || this.#sent.length > 0 || this.#closeTimer) return
    this.#process.requests.end()
    this.#closeTimer = setTimeout(() => this.#process.kill(), CLOSE_GRACE_MS)
  }

  #post(...frame: Parameters<FrameEncoder['encode']>) {
    const { requests } = this.#process
    if (!this.#isCorked) {
      this.#isCorked = true
      requests.cork()
      queueMicrotask(() => this.#uncork())
    }
    // A copy: the encoder's bytes are those of the next frame soon.
    requests.write(Buffer.from(this.#encoder.encode(...frame)))
  }

  #uncork() {
    if (this.#isCorked) this.#process.requests.uncork()
    this.#isCorked = false
  }

  /** `isLater`: the owner is in the middle of something, and is told afterwards. */
  #read(chunk: Buffer, isLater = false) {
    const facts: (() => void)[] = []
    const outcomes: Outcome<T>[] = []
    try {
      for (const frame of this.#reader.read(chunk)) this.#hear(frame, outcomes, facts)
    } catch {
      // What comes is not from our code.
      this.kill(Code.failed, 'the function wrote to the pipe of its slot')
    }
    if (outcomes.length > 0) facts.push(() => this.#owner.settled(this, outcomes))
    const tell = () => {
      for (const fact of facts) fact()
      this.#closeIfEmpty()
    }
    if (isLater) queueMicrotask(tell)
    else tell()
  }

  #hear({ kind, number, extra, time, id, body }: Frame, outcomes: Outcome<T>[], facts: (() => void)[]) {
    switch (kind) {
      case Kind.result:
        return this.#finish(number, outcomes, { code: 0, body, nanoseconds: time, failedArguments: extra })
      case Kind.error: {
        const { text, stack } = JSON.parse(body.toString())
        const error = { code: extra, body: Buffer.from(text), nanoseconds: time, stack, failedArguments: 0 }
        return this.#finish(number, outcomes, error)
      }
      case Kind.argumentError: {
        const { code, text, stack } = JSON.parse(body.toString())
        const task = this.#sent.find(sent => sent.number === number)
        if (task) facts.push(() => this.#owner.argumentFailed(task, extra, code, text, stack))
        return
      }
      case Kind.recalled:
        if (extra !== this.#recallBefore) return
        this.#recallBefore = undefined
        facts.push(() => {
          this.#owner.returned(this.#takeBack(number, extra))
          this.#owner.settled(this, [])
        })
        return
      case Kind.aborted:
        return this.#leftAlone(number)
      case Kind.output:
        this.#lines[extra === 1 ? 'stdout' : 'stderr'].write(body, id || undefined)
        return
      case Kind.stray: {
        const { what, text, id: of } = JSON.parse(body.toString())
        facts.push(() => this.#owner.stray(this, `the function left ${what} unhandled: ${text}`, of))
        return
      }
      case Kind.exit:
        this.#exit = { code: extra, number }
        return
      case Kind.ready:
        this.state = 'loaded'
        facts.push(() => this.#owner.loaded(this))
        return
      default:
        throw new RangeError('not a frame')
    }
  }

  #finish(number: number, outcomes: Outcome<T>[], outcome: Omit<Outcome<T>, 'task'>) {
    const at = this.width > 1 ? this.#sent.findIndex(task => task.number === number) : 0
    const task = this.#sent[at]
    if (task?.number !== number) {
      // It was answered for the process before it ended.
      if (this.state === 'leaving') return
      throw new RangeError('not a frame')
    }
    this.#sent.splice(at, 1)
    task.slot = undefined
    this.finished++
    this.#flushLines()
    this.#learn(outcome.nanoseconds / 1e6)
    if (at === 0) this.#firstIsNew()
    const { ending } = task
    // It ended by itself, unless it ended because it was told to.
    const ended = ending && outcome.code !== 0 ? { ...outcome, ...answer(ending), stack: undefined } : outcome
    // What is kept for long must not keep the whole packet alive that it came in.
    outcomes.push({ ...ended, task, body: Buffer.from(ended.body) })
  }

  #learn(ms: number) {
    this.#meanMs = this.#meanMs === undefined ? ms : this.#meanMs + LATEST * (ms - this.#meanMs)
    const fitting = Math.max(1, Math.floor(BATCH_MS / this.#meanMs))
    this.#window = ms > LONG_MS ? 1 : Math.min(2 * this.#window, fitting, MAX_WINDOW)
    this.isLong = false
  }

  #firstIsNew() {
    clearTimeout(this.#abortTimer)
    this.#abortTimer = undefined
    const first = this.#sent[0]
    if (!first || this.width > 1) return
    this.#firstSince = first.startedAt = performance.now()
    if (first.ending) this.#abort(first)
  }

  #abort(task: T) {
    this.#post(Kind.abort, task.number)
    this.#abortTimer ??= setTimeout(() => {
      this.#abortTimer = undefined
      // It may have ended meanwhile.
      const unread = readNow(this.#process.results)
      if (unread && unread.length > 0) this.#read(unread)
      if (this.isRunning(task)) this.kill(task.ending!.code, task.ending!.text)
    }, ABORT_GRACE_MS)
  }

  /** A wider slot is not blocked: what does not end by its signal is left alone, and the slot takes no more. */
  #leftAlone(number: number) {
    if (this.width === 1) return
    clearTimeout(this.#abortTimer)
    this.#abortTimer = undefined
    setTimeout(() => {
      const at = this.#sent.findIndex(task => task.number === number)
      const task = this.#sent[at]
      if (!task || this.state === 'ended') return
      this.#sent.splice(at, 1)
      task.slot = undefined
      this.leave()
      const nanoseconds = elapsed(task)
      this.#owner.settled(this, [{ task, ...answer(task.ending!), nanoseconds, failedArguments: 0 }])
    }, ABORT_GRACE_MS)
  }

  #takeBack(from: number, before: number): T[] {
    const back = this.#sent.filter(({ number }) => number >= from && number < before)
    if (back.length > 0) this.#sent = this.#sent.filter(task => !back.includes(task))
    for (const task of back) task.slot = undefined
    if (this.#sent.length === 0) this.isLong = false
    return back
  }

  #printed(stream: 'stdout' | 'stderr', chunk: Buffer) {
    if (stream === 'stderr') this.#lastWords = (this.#lastWords + chunk.toString()).slice(-LAST_WORDS)
    // While the function is being loaded it belongs to the error that ends the process.
    if (this.state !== 'starting')
      this.#lines[stream].write(chunk, this.#sent.length === 1 ? this.#sent[0]!.id : undefined)
  }

  #flushLines() {
    this.#lines.stdout.end()
    this.#lines.stderr.end()
  }

  #exited(child: ChildProcess, code: number | null, signal: string | null) {
    for (const stream of ['stdout', 'stderr'] as const) {
      const unread = readNow(child[stream])
      if (unread) this.#printed(stream, unread)
    }
    const unread = readNow(this.#process.results)
    if (unread && unread.length > 0) this.#read(unread)
    this.#ended(this.#killedFor ?? this.#deathText(code, signal))
  }

  #deathText(code: number | null, signal: string | null) {
    if (this.state === 'starting')
      return loadError(this.#lastWords) || `its process ended with ${signal ?? `exit code ${code}`}`
    if (/out of memory|invalid (table|array) (size|length) Allocation/i.test(this.#lastWords))
      return `the function ran out of memory: the heap limit is ${this.#memoryLimit} MiB`
    if (signal) return `the process of the function was ended by ${signal}`
    return `the process of the function ended with exit code ${code}`
  }

  #ended(why: string) {
    if (this.state === 'ended') return
    clearTimeout(this.#abortTimer)
    clearTimeout(this.#closeTimer)
    this.#process.release()
    this.#flushLines()
    const sent = this.#sent
    this.#sent = []
    this.state = 'ended'
    for (const task of sent) task.slot = undefined
    const started = this.width > 1 ? sent : sent.slice(0, 1)
    const culprits = this.#culprits(started)
    const outcomes = culprits.map(task => {
      const text = started.length > 1 ? `${why}, while ${started.length} requests ran in it` : why
      return {
        task,
        ...answer(task.ending ?? { code: Code.failed, text }),
        nanoseconds: elapsed(task),
        failedArguments: 0,
      }
    })
    this.#owner.returned(sent.slice(started.length))
    this.#owner.interrupted(
      started.filter(task => !culprits.includes(task)),
      why,
    )
    this.#owner.settled(this, outcomes)
    this.#owner.ended(this, why, started.length === 0)
    this.#resolveEnded()
  }

  /** Whose fault it is, among those that ran. */
  #culprits(started: T[]): T[] {
    const ending = started.filter(task => task.ending)
    if (ending.length > 0) return ending
    const exit = this.#exit
    if (exit && !this.#killedFor) return started.filter(({ number }) => number === exit.number)
    return started
  }
}

const answer = ({ code, text }: { code: number; text: string }) => ({ code, body: Buffer.from(text) })
const elapsed = (task: Task) => Math.round((performance.now() - task.startedAt) * 1e6)

/** What is wrong with a module, and where, in what Node says of it. */
function loadError(text: string): string {
  const lines = text.split('\n')
  const place = /^(?:file:\/\/)?(\/.*:\d+)$/m.exec(text)?.[1]
  const at = lines.findIndex(line => /^\w*Error\b.*:|^Uncaught|^Error/.test(line))
  const what = (lines[at] ?? lines.find(line => line.trim() !== '') ?? '').replace(/ \[\w+\]:/, ':')
  return place ? `${decodeURI(place)}: ${what}` : what
}
