// The process of a slot: it loads the module and computes requests, `width` at a time, in the order in which they come.
//
// Each result is in the pipe before the next computation begins, so the executor knows what runs when the process dies. Requests may be
// sent ahead, and taken back: before one starts that was sent ahead, the process looks for such words if the computation before it
// has taken LONG_MS or more, since only then may the executor have said so (see `recall` in ../slot.ts).
//
// User code runs in an asynchronous context of its request, which tells whose an output, a stray exception or an exit is.
import { AsyncLocalStorage } from 'node:async_hooks'
import { writeSync } from 'node:fs'
import { Code } from '../../protocol/codes.js'
import { type Frame, Kind, NOBODY, sharedNow } from '../frames.js'
import type { ComputeFunction, Context } from '../function.js'
import { BatchResult, UNWRITABLE, codeOf, computeBatch, errorBody, isThenable, textOf } from './compute-batch.js'
import { captureOutput } from './output.js'
import { listen, look, send, setup, tell } from './pipes.js'
import { Queue } from './queue.js'

/** The executor hears of results when nothing is left to compute, but not later than this after the first of them. */
const TELL_AFTER_MS = 0.25
/** Functions that never give the process back let its event loop turn this often. */
const TURN_AFTER_MS = 10
/** In bytes, as much as the largest message of NATS. */
const MAX_RESULT = 2 ** 26
/** The most errors of one batch that are told one by one. */
const MAX_ARGUMENT_ERRORS = 10

const { parse, stringify } = JSON

class Computation implements Context {
  readonly requestId: string
  readonly number: number
  /** From when on the executor may take it for running. */
  readonly begun: number
  readonly started = sharedNow()
  #controller: AbortController | undefined
  constructor(requestId: string, number: number, begun: number) {
    this.requestId = requestId
    this.number = number
    this.begun = begun
  }
  get signal() {
    return (this.#controller ??= new AbortController()).signal
  }
  abort() {
    void this.signal
    contexts.run(this, () => this.#controller!.abort())
  }
}

const contexts = new AsyncLocalStorage<Computation>()
const queue = new Queue()
const running = new Map<number, Computation>()
let lastTold = 0
let isPumping = false

process.title = setup.title
captureOutput(() => contexts.getStore()?.requestId ?? '')
if (setup.reportImports) {
  const { reportImports } = await import('./imports.js')
  reportImports(file => {
    send(Kind.imported, NOBODY, 0, file)
    tell()
  })
}
// What goes wrong here ends the process, and Node says where.
const compute: ComputeFunction = (await import(setup.module)).default
if (typeof compute !== 'function') {
  // As Node would say it, but not of this line here.
  writeSync(2, `TypeError: ${setup.module} has no function as its default export\n`)
  process.exit(1)
}

process.on('uncaughtException', error => stray('an exception', error))
process.on('unhandledRejection', error => stray('a rejection', error))
process.on('exit', code => {
  send(Kind.exit, contexts.getStore()?.number, code)
  tell()
})

send(Kind.ready)
tell()
listen(frames => {
  hear(frames)
  pump()
})

function hear(frames: Frame[]) {
  for (const frame of frames)
    if (frame.kind === Kind.request) queue.push(frame)
    else if (frame.kind === Kind.recall) send(Kind.recalled, queue.recall(frame), frame.extra)
    else if (frame.kind === Kind.abort) {
      send(Kind.aborted, frame.number)
      running.get(frame.number)?.abort()
    }
}

function pump() {
  if (isPumping) return
  isPumping = true
  const begun = sharedNow()
  while (running.size < setup.width) {
    const frame = queue.next(() => hear(look()))
    if (!frame) break
    start(frame)
    const now = sharedNow()
    if (now - lastTold > TELL_AFTER_MS) {
      tell()
      lastTold = now
    }
    if (now - begun > TURN_AFTER_MS) {
      if (!queue.isEmpty) setImmediate(pump)
      break
    }
  }
  tell()
  isPumping = false
}

function start(frame: Frame) {
  const { number, extra: batchSize, id, body } = frame
  const computation = new Computation(id, number, queue.begunAt(frame))
  running.set(number, computation)
  contexts.run(computation, () => {
    try {
      const argument = parseBody(body)
      const result =
        batchSize === 0 ? compute(argument, computation) : computeBatch(compute, argument, batchSize, computation)
      // This runs code of the function, and so does the writing of its result.
      if (isThenable(result))
        void Promise.resolve(result)
          .then(
            value => succeed(computation, value),
            error => fail(computation, error),
          )
          .then(pump)
      else succeed(computation, result)
    } catch (error) {
      fail(computation, error)
    }
  })
}

function parseBody(body: Buffer) {
  try {
    return parse(body.toString())
  } catch {
    throw Object.assign(new Error('the body is not JSON'), { code: Code.invalid, stack: '' })
  }
}

function succeed(computation: Computation, result: unknown) {
  let text
  try {
    text = stringify(result) ?? 'null'
  } catch (error) {
    if (result instanceof BatchResult && result.dropUnwritable()) succeed(computation, result)
    else fail(computation, Object.assign(new Error(UNWRITABLE), { stack: textOf(error) }))
    return
  }
  if (text.length > MAX_RESULT / 3 && Buffer.byteLength(text) > MAX_RESULT)
    return fail(computation, Object.assign(new Error('the result is larger than 64 MiB'), { stack: '' }), Code.tooLarge)
  end(computation, nanoseconds => {
    const failed = result instanceof BatchResult ? result.failed : []
    for (const { index, code, error } of failed.slice(0, MAX_ARGUMENT_ERRORS))
      send(Kind.argumentError, computation.number, index, errorBody(code, error))
    send(Kind.result, computation.number, failed.length, text, '', nanoseconds)
  })
}

function fail(computation: Computation, error: unknown, code: number = codeOf(error)) {
  end(computation, nanoseconds => send(Kind.error, computation.number, code, errorBody(code, error), '', nanoseconds))
}

function end(computation: Computation, sendOutcome: (nanoseconds: number) => void) {
  // It may have ended before, by an exception that it threw outside of its promise.
  if (!running.delete(computation.number)) return
  const ended = sharedNow()
  sendOutcome(Math.round((ended - computation.started) * 1e6))
  queue.sent(computation.begun, ended, sharedNow())
}

function stray(what: string, error: unknown) {
  const owner = contexts.getStore()
  const isOwn = owner !== undefined && running.get(owner.number) === owner
  send(Kind.stray, isOwn ? owner.number : NOBODY, 0, stringify({ what, text: textOf(error), id: owner?.requestId }))
  // A promise that a function forgot need not be its failure.
  if (isOwn && what === 'an exception') fail(owner, error)
  pump()
}
