// The process of a slot: it loads the module and computes requests, `width` at a time, in the order in which they come.
//
// Each result is in the pipe before the next computation begins, so the executor knows what runs when the process dies. Requests may be
// sent ahead, and taken back: before one starts that was sent ahead, the process looks for such words if the computation before it
// has taken LONG_MS or more, since only then may the executor have said so (see `recall` in ../slot.ts).
import { writeSync } from 'node:fs'
import timers from 'node:timers'
import { Code } from '../../protocol/codes.js'
import { writeJson } from '../../protocol/json.js'
import { readArgument, takeBytes } from '../../protocol/payload.js'
import { type Frame, Kind, NOBODY, sharedNow } from '../frames.js'
import { Computation, contexts } from './computation.js'
import { BatchResult, computeBatch } from './compute-batch.js'
import { OurError, failureOf, textOf } from './failure.js'
import { type LoadedModule, readModule } from './module.js'
import { captureOutput } from './output.js'
import { exit, listen, look, send, sendNow, setup, starts, tell } from './pipes.js'
import { Queue } from './queue.js'
import { runStopHooks } from './stop.js'
import { isThenable } from './thenable.js'

/**
 * The executor hears of results when nothing is left to compute, and before that after the first of these times, then twice as long after
 * that, and so on: it answers some while others are computed.
 */
const TELL_AFTER_MS = { first: 0.05, most: 0.25 }
/** Functions that never give the process back let its event loop turn this often. */
const TURN_AFTER_MS = 10
/** In bytes, as much as the largest message of NATS. */
const MAX_RESULT = 2 ** 26
/** The most errors of one batch that are told one by one. */
const MAX_ARGUMENT_ERRORS = 10

// User code may put its own in their place.
const { stringify } = JSON
const { setImmediate } = timers

const queue = new Queue()
const running = new Map<number, Computation>()
let isPumping = false

// A service manager sends them to all processes of a service: what becomes of this one is up to the executor.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
process.title = setup.title
captureOutput(() => contexts.getStore()?.requestId ?? '')
if (setup.reportImports) {
  const { reportImports } = await import('./imports.js')
  reportImports(file => sendNow(Kind.imported, NOBODY, 0, file))
}
// What goes wrong here ends the process, and Node says where. A namespace with an export `then` would be taken for a promise, and the
// export be called: so it comes within another one.
const source = `export * as namespace from ${stringify(setup.module)}`
const { namespace } = await import(`data:text/javascript,${encodeURIComponent(source)}`)
const { functions, served } = load(namespace)

process.on('uncaughtException', error => stray('an exception', error))
process.on('unhandledRejection', error => stray('a rejection', error))
process.on('exit', () => sendNow(Kind.exit, contexts.getStore()?.number))

sendNow(Kind.ready, NOBODY, 0, stringify(served))
listen(frames => {
  hear(frames)
  pump()
})

function load(exports: object): LoadedModule {
  try {
    return readModule(exports)
  } catch (error) {
    // As Node would say it, but not of a line here.
    writeSync(2, `${(error as Error).message}\n`)
    process.exit(1)
  }
}

function hear(frames: Frame[]) {
  for (const frame of frames)
    if (frame.kind === Kind.request) queue.push(frame)
    else if (frame.kind === Kind.recall) send(Kind.recalled, queue.recall(frame), frame.extra)
    else if (frame.kind === Kind.abort) {
      send(Kind.aborted, frame.number)
      const unstarted = queue.take(frame.number)
      if (unstarted) endUnstarted(unstarted)
      else running.get(frame.number)?.abort()
    } else if (frame.kind === Kind.end)
      void runStopHooks(error => process.stderr.write(`onStop: ${textOf(error)}\n`)).then(exit)
}

function endUnstarted(frame: Frame) {
  const begun = queue.begunAt(frame)
  const ended = sharedNow()
  send(Kind.error, frame.number, Code.cancelled, stringify({ text: 'not started' }))
  queue.sent(begun, ended, sharedNow())
}

function pump() {
  if (isPumping) return
  isPumping = true
  const begun = sharedNow()
  let tellAfter = TELL_AFTER_MS.first
  let tellAt = begun + tellAfter
  while (running.size < setup.width) {
    const frame = queue.next(() => hear(look()))
    if (!frame) break
    start(frame)
    const now = sharedNow()
    if (now > tellAt) {
      tell()
      tellAfter = Math.min(2 * tellAfter, TELL_AFTER_MS.most)
      tellAt = now + tellAfter
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
  const computation = new Computation(frame, queue.begunAt(frame))
  running.set(computation.number, computation)
  starts(computation.number)
  contexts.run(computation, () => {
    try {
      const result = compute(computation, frame.body)
      // This runs code of the function, and so does the writing of its result.
      if (isThenable(result))
        void Promise.resolve(result)
          .then(value => succeed(computation, value))
          .catch(error => fail(computation, error))
          .then(pump)
      else succeed(computation, result)
    } catch (error) {
      fail(computation, error)
    }
  })
}

function compute(computation: Computation, body: Buffer) {
  const { batchSize, functionName, isBytes } = computation
  const call = functions.get(functionName)
  if (!call) throw new OurError(Code.notFound, `this module has no function ${functionName}`)
  const argument = parseBody(body, isBytes)
  return batchSize === 0 ? call(argument, computation) : computeBatch(call, argument, batchSize, computation)
}

function parseBody(body: Buffer, isBytes: boolean) {
  try {
    return readArgument(body, isBytes)
  } catch {
    throw new OurError(
      Code.invalid,
      'the body is not JSON; bytes need the header Content-Type: application/octet-stream',
    )
  }
}

function succeed(computation: Computation, result: unknown) {
  const isBytes = result instanceof Uint8Array
  let body: string | Uint8Array
  try {
    if (isBytes) body = takeBytes(result, 'result')
    else if (result instanceof BatchResult) body = result.write()
    else body = result === undefined ? 'null' : writeJson(result, 'result')
  } catch (error) {
    // It says the place in the result; ours in the code is of no use.
    return fail(computation, Object.assign(error as Error, { stack: '' }))
  }
  const { length } = body
  if (length > MAX_RESULT / 3 && (isBytes ? length : Buffer.byteLength(body)) > MAX_RESULT)
    return fail(computation, new OurError(Code.tooLarge, 'the result is larger than 64 MiB'))
  end(computation, nanoseconds => {
    const failed = result instanceof BatchResult ? result.failed : []
    for (const { index, failure } of failed.slice(0, MAX_ARGUMENT_ERRORS))
      send(Kind.argumentError, computation.number, index, stringify(failure))
    sendLast(isBytes ? Kind.bytes : Kind.result, computation.number, failed.length, body, '', nanoseconds)
  })
}

/**
 * The last frame of a computation. When there is nothing else to compute, the executor is to know at once; and where several run, since it
 * does not look for what it was not told of while one of them blocks the others.
 */
const sendLast = (...frame: Parameters<typeof send>) =>
  queue.isEmpty || setup.width > 1 ? sendNow(...frame) : send(...frame)

function fail(computation: Computation, error: unknown) {
  const { code, ...failure } = failureOf(error)
  end(computation, nanoseconds => sendLast(Kind.error, computation.number, code, stringify(failure), '', nanoseconds))
}

function end(computation: Computation, sendOutcome: (nanoseconds: number) => void) {
  // It may have ended before, by an exception that it threw outside of its promise.
  if (!running.has(computation.number)) return
  computation.end()
  const ended = sharedNow()
  sendOutcome(Math.round((ended - computation.started) * 1e6))
  running.delete(computation.number)
  queue.sent(computation.begun, ended, sharedNow())
}

function stray(what: string, error: unknown) {
  const owner = contexts.getStore()
  const isOwn = owner !== undefined && running.get(owner.number) === owner
  const body = stringify({ what, text: textOf(error), id: owner?.requestId })
  send(Kind.stray, isOwn ? owner.number : NOBODY, 0, body)
  // A promise that a function forgot need not be its failure.
  if (isOwn && what === 'an exception') fail(owner, error)
  pump()
}
