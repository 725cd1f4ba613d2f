// The thread of a slot: it loads the function and computes one request after the other.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { BatchResult, UNWRITABLE, codeOf, computeBatch, isThenable, textOf } from './compute-batch.js'
import type { ComputeFunction, Context } from './function.js'
import { Code } from '../protocol/codes.js'
import { INLINE, RingReader, RingWriter } from './ring.js'
import {
  AWAKE,
  CLAIMED,
  type FromThread,
  NOTIFIED,
  REQUEST_ASIDE,
  RESULT,
  RESULT_ASIDE,
  type SlotData,
  type ToThread,
  readTag,
} from './slot-memory.js'

const port = parentPort!
const { control, aside, module, ...memory } = workerData as SlotData
const requests = new RingReader(memory.requests)
const results = new RingWriter(memory.results)

/** Results wait for others to be told together, until this long after the first one's computation began. */
const TELL_AFTER_MS = 0.25
/** Functions that never give their thread back let its event loop turn this often. */
const TURN_AFTER_MS = 10
/** Where requests come together the thread looks for the next one for as long as it takes to be woken. */
const LINGER_MS = 0.05

const compute: ComputeFunction = (await import(module)).default
if (typeof compute !== 'function') throw new TypeError(`${module} has no function as its default export`)

let number = 0
let current: ThreadContext | undefined
/** When the computation of the first result began that was not told. */
let firstUntold = Infinity
/** The last time that the thread was woken there was more than one request. */
let cameTogether = false

class ThreadContext implements Context {
  readonly requestId: string
  readonly number: number
  #controller: AbortController | undefined
  constructor(requestId: string, number: number) {
    this.requestId = requestId
    this.number = number
  }
  get signal() {
    return (this.#controller ??= new AbortController()).signal
  }
  abort() {
    void this.signal
    this.#controller!.abort()
  }
}

function run() {
  const begun = performance.now()
  let computed = 0
  for (;;) {
    if (!requests.next()) {
      tell()
      if ((computed > 1 || cameTogether) && comesSoon()) continue
      cameTogether = computed > 1
      Atomics.store(control, AWAKE, 0)
      // A request may have come between the two lines above; if its sender saw us asleep, it wakes us by a message.
      if (requests.empty || Atomics.exchange(control, AWAKE, 1) === 1) return
      continue
    }
    const mine = Atomics.compareExchange(control, CLAIMED, number, (number + 1) | 0) === number
    const started = number
    number = (number + 1) | 0
    const { idLength, batchSize } = readTag(requests.number)
    const text = requests.kind === REQUEST_ASIDE ? fromAside() : mine ? requests.text(idLength) : ''
    if (!mine) continue
    computed++
    current = new ThreadContext(requests.prefix(idLength), started)
    const from = performance.now()
    let result
    let isAsynchronous = false
    try {
      const argument = parse(text)
      result = batchSize === 0 ? compute(argument, current) : computeBatch(compute, argument, batchSize, current)
      // This runs code of the function, too.
      isAsynchronous = isThenable(result)
    } catch (error) {
      fail(error, from)
    }
    if (isAsynchronous) {
      tell()
      const start = from
      void Promise.resolve(result)
        .then(
          value => succeed(value, start),
          error => fail(error, start),
        )
        .then(run)
      return
    }
    if (current) succeed(result, from)
    const now = performance.now()
    if (now - firstUntold > TELL_AFTER_MS) tell()
    if (now - begun > TURN_AFTER_MS) {
      setImmediate(run)
      return
    }
  }
}

/** Whether the next request comes in less time than it takes to be woken for it. */
function comesSoon() {
  const until = performance.now() + LINGER_MS
  while (performance.now() < until) if (!requests.empty) return true
  return false
}

function parse(text: string) {
  try {
    return JSON.parse(text)
  } catch {
    throw Object.assign(new Error('the body is not JSON'), { code: Code.invalid })
  }
}

function succeed(result: unknown, from: number) {
  let text
  try {
    text = JSON.stringify(result) ?? 'null'
  } catch (error) {
    if (result instanceof BatchResult && result.dropUnwritable()) return succeed(result, from)
    fail(new Error(UNWRITABLE, { cause: error }), from)
    return
  }
  finish(RESULT, text, from)
}

function fail(error: unknown, from: number) {
  finish(codeOf(error), textOf(error), from)
}

function finish(kind: number, text: string, from: number) {
  const now = performance.now()
  const nanoseconds = Math.round((now - from) * 1e6)
  current = undefined
  if (text.length * 3 <= INLINE || kind !== RESULT) results.write(kind, nanoseconds, text)
  else {
    const bytes = new TextEncoder().encode(text)
    aside.postMessage(bytes, [bytes.buffer])
    results.write(RESULT_ASIDE, nanoseconds, '')
  }
  if (firstUntold === Infinity) firstUntold = from
}

function tell() {
  if (firstUntold === Infinity) return
  firstUntold = Infinity
  if (Atomics.exchange(control, NOTIFIED, 1) === 0) port.postMessage(null satisfies FromThread)
}

function fromAside() {
  return Buffer.from(receiveMessageOnPort(aside)!.message as Uint8Array).toString()
}

// A promise that a function forgot may reject when the next request is computed, which has nothing to do with it.
process.on('unhandledRejection', (reason: any) => {
  port.postMessage({ notice: `the function left a rejection unhandled: ${textOf(reason)}` } satisfies FromThread)
})

port.on('message', (message: ToThread) => {
  if (message === null) run()
  else if (current?.number === message.abort) current.abort()
})

port.postMessage('ready' satisfies FromThread)
