// A slot: one worker thread, the requests that were sent to it, and what happens when it dies.
import { MessageChannel, type MessagePort, Worker, receiveMessageOnPort } from 'node:worker_threads'
import type { Task } from './task.js'
import { Code } from '../protocol/codes.js'
import { INLINE, RingReader, RingWriter, WINDOW } from './ring.js'
import {
  AWAKE,
  CLAIMED,
  type FromThread,
  INLINE_REQUEST,
  NOTIFIED,
  REQUEST_ASIDE,
  RESULT,
  RESULT_ASIDE,
  type SlotData,
  type ToThread,
  newSlotMemory,
  tagOf,
} from './slot-memory.js'

/** A computation or a backlog that has not moved for this long is worth messages. */
export const GRACE_MS = 2
/** How long a computation that listens to its signal may take to end by itself. */
const ABORT_GRACE_MS = 25
/** A thread whose function cannot be loaded again is tried again after this long. */
const RESPAWN_MS = 1000

export interface SlotOwner<T extends Task> {
  /** The thread is there and computes what is sent. */
  ready(): void
  /** A computation ended: with code 0 `body` is its result as JSON, else the text of the error. */
  result(request: T, code: number, body: Uint8Array, nanoseconds: number): void
  /** Results were read or the thread is back: there may be room. */
  moved(slot: Slot<T>): void
  /** The thread ended and these had not started. */
  returned(requests: T[]): void
  /** Something for a log. */
  notice(text: string): void
  /** The function could not be loaded. */
  unloadable(error: Error): void
}

export class Slot<T extends Task> {
  /** The computation has taken longer than the grace, or is taken for one that will. */
  long = false
  /** How many requests may be here at once: more when computations turn out to be short. */
  window = 1
  /** Results read so far; a watcher compares it. */
  finished = 0
  isReady = false
  readonly #module: string
  readonly #heap: number
  readonly #owner: SlotOwner<T>
  #worker!: Worker
  #aside!: MessagePort
  #control!: Int32Array
  #requests!: RingWriter
  #results!: RingReader
  /** Sent and not finished, in order. */
  #sent: T[] = []
  #number = 0
  #ending: { code: number; text: string } | undefined
  #abortTimer: NodeJS.Timeout | undefined
  #respawnTimer: NodeJS.Timeout | undefined
  #closed = false

  constructor(module: string, heapMiB: number, owner: SlotOwner<T>) {
    this.#module = module
    this.#heap = heapMiB
    this.#owner = owner
    this.#spawn()
  }

  get outstanding() {
    return this.#sent.length
  }

  /** Whether the last computations do not promise that the next ones are short. */
  get isCautious() {
    return this.long || this.window === 1
  }

  /** Whether one more request may be sent that is computed soon. */
  get hasRoom() {
    return this.isReady && !this.long && this.#sent.length < this.window && this.#requests.hasRoom
  }

  /** Whether the request that comes next may be sent ahead. */
  get mayDeck() {
    return this.isReady && this.isCautious && this.#sent.length === 1 && this.#requests.hasRoom
  }

  /** The request that was sent ahead, unless it has started. */
  get onDeck(): T | undefined {
    const second = this.isCautious ? this.#sent[1] : undefined
    return second && !this.#isClaimed(second.number) ? second : undefined
  }

  /** The request that runs or is the next to. */
  get first(): T | undefined {
    return this.#sent[0]
  }

  get running(): T | undefined {
    const first = this.#sent[0]
    return first && this.#isClaimed(first.number) ? first : undefined
  }

  push(request: T) {
    const { id, body, batchSize } = request
    const tag = tagOf(id.length, batchSize)
    request.slot = this
    if (this.#sent.length === 0) request.startedAt = performance.now()
    request.number = this.#number
    this.#sent.push(request)
    this.#number = (this.#number + 1) | 0
    if (id.length + body.length <= INLINE) this.#requests.write(INLINE_REQUEST, tag, id, body)
    else {
      this.#aside.postMessage(body)
      this.#requests.write(REQUEST_ASIDE, tag, id)
    }
    if (Atomics.exchange(this.#control, AWAKE, 1) === 0) this.#post(null)
  }

  /** Takes back all that has not started. */
  withdraw(): T[] {
    if (this.#sent.length === 0) return []
    for (;;) {
      const claimed = Atomics.load(this.#control, CLAIMED)
      if (claimed === this.#number) return []
      // The thread may claim one more meanwhile; then look again.
      if (Atomics.compareExchange(this.#control, CLAIMED, claimed, this.#number) !== claimed) continue
      const kept = this.#sent.filter(({ number }) => ((number - claimed) | 0) < 0)
      const back = this.#sent.slice(kept.length)
      this.#sent = kept
      if (kept.length === 0) this.long = false
      for (const request of back) request.slot = undefined
      return back
    }
  }

  /** Reads the results that are there, without waiting to be told of them. */
  read() {
    let any = false
    while (this.#results.next()) {
      any = true
      const { kind, number } = this.#results
      const body = kind === RESULT_ASIDE ? this.#fromAside() : this.#results.copy()
      this.#finish(kind === RESULT_ASIDE ? RESULT : kind, body, number)
    }
    if (any) this.#owner.moved(this)
  }

  /**
   * Ends the computation that runs: by its signal, and if that does not help with its thread. Its result is then this
   * error, unless it had one before.
   */
  end(code: number, text: string) {
    const running = this.#sent[0]
    if (!running || this.#ending || !this.#isClaimed(running.number)) return
    this.#ending = { code, text }
    this.#post({ abort: running.number })
    this.#abortTimer = setTimeout(() => {
      // It may have ended meanwhile, and another one runs that is to live.
      this.read()
      if (this.#ending) void this.#worker.terminate()
    }, ABORT_GRACE_MS)
  }

  /** Ends the thread for good. */
  async close() {
    this.#closed = true
    clearTimeout(this.#abortTimer)
    clearTimeout(this.#respawnTimer)
    await this.#worker.terminate()
  }

  #spawn() {
    const memory = newSlotMemory()
    const { port1, port2 } = new MessageChannel()
    this.#control = memory.control
    this.#requests = new RingWriter(memory.requests)
    this.#results = new RingReader(memory.results)
    this.#aside = port1
    this.#number = 0
    const worker = new Worker(new URL('slot-thread.js', import.meta.url), {
      workerData: { ...memory, module: this.#module, aside: port2 } satisfies SlotData,
      transferList: [port2],
      resourceLimits: { maxOldGenerationSizeMb: this.#heap },
      execArgv: [],
    })
    this.#worker = worker
    let cause: Error | undefined
    worker.on('message', (message: FromThread) => {
      if (message === 'ready') {
        this.isReady = true
        this.#owner.ready()
        return
      }
      if (message) {
        this.#owner.notice(message.notice)
        return
      }
      Atomics.store(memory.control, NOTIFIED, 0)
      this.read()
    })
    worker.on('error', (error: Error) => (cause = error))
    worker.on('exit', exitCode => this.#died(cause, exitCode))
  }

  #died(cause: Error | undefined, exitCode: number) {
    clearTimeout(this.#abortTimer)
    this.read()
    const wasReady = this.isReady
    const running = this.running
    const ending = this.#ending
    const rest = this.#sent.slice(running ? 1 : 0)
    this.isReady = false
    this.#sent = []
    this.#ending = undefined
    this.long = false
    this.window = 1
    this.#aside.close()
    if (this.#closed) return
    const text = ending?.text ?? deathText(cause, exitCode)
    if (running) {
      running.slot = undefined
      this.#owner.result(running, ending?.code ?? Code.failed, Buffer.from(text), elapsedNanoseconds(running))
    }
    for (const request of rest) request.slot = undefined
    this.#owner.returned(rest)
    if (wasReady) this.#spawn()
    else {
      this.#owner.unloadable(cause ?? new Error(text))
      if (!this.#closed) this.#respawnTimer = setTimeout(() => this.#spawn(), RESPAWN_MS)
    }
  }

  #finish(kind: number, body: Uint8Array, nanoseconds: number) {
    const request = this.#sent.shift()!
    const ending = this.#ending
    this.finished++
    this.window = this.long && nanoseconds > GRACE_MS * 1e6 ? 1 : Math.min(this.window * 2, WINDOW)
    this.long = false
    request.slot = undefined
    const next = this.#sent[0]
    if (next) next.startedAt = performance.now()
    if (ending) {
      clearTimeout(this.#abortTimer)
      this.#ending = undefined
      if (kind !== RESULT) {
        this.#owner.result(request, ending.code, Buffer.from(ending.text), nanoseconds)
        return
      }
    }
    this.#owner.result(request, kind, body, nanoseconds)
  }

  #isClaimed(number: number) {
    return ((Atomics.load(this.#control, CLAIMED) - number) | 0) > 0
  }

  #fromAside() {
    return receiveMessageOnPort(this.#aside)!.message as Uint8Array
  }

  #post(message: ToThread) {
    this.#worker.postMessage(message)
  }
}

const elapsedNanoseconds = (request: Task) => Math.round((performance.now() - request.startedAt) * 1e6)

function deathText(cause: Error | undefined, exitCode: number) {
  if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY')
    return 'the function ran out of memory'
  if (cause) return `the thread of the function died: ${cause.message}`.replace(/\s+/g, ' ').slice(0, 500)
  return `the thread of the function ended with exit code ${exitCode}`
}
