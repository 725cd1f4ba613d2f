// Answers on their way to clients, kept until they are there as far as that can be known.
//
// The answer to a request that was here for less than OLD_MS leaves at once and is forgotten, unless the connection is down. Any other:
// unsent (the connection is down) → sent → confirmed, when the server has answered a flush that was sent after it. The connection lost
// before that: it is sent again when it is back. A server that says that there is no such inbox: the client may come back later than
// we do, so for as long as the connection was down, and LATE_MS more, it is sent again, after longer and longer pauses: TCP, too, tries again
// after up to as long as it was in vain. Where somebody listens to all inboxes the server never says so, as a probe tells: then
// what nobody asks for, and was asked of us before, is sent again all the same (unsure), after longer and longer pauses.
// A confirmed answer is forgotten, or, if its client watches, kept for RETAINED_MS: a client that asks for its request instead gets
// the answer again.
// What is kept has MAX_BYTES at most; the oldest go first.
import { createHash } from 'node:crypto'
import { headersOf } from '../nats/headers.js'
import type { Listener } from '../nats/inbox.js'
import { ErrorCode, type NatsError } from '../nats/nats.js'
import { Code } from '../protocol/codes.js'
import { Header } from '../protocol/headers.js'
import { line } from '../protocol/raw-headers.js'
import { type Job, nameOf } from './job.js'
import { OLD_MS } from './notices.js'
import type { Post } from './post.js'
import { type Answer, tooLargeText } from './replies.js'

const LATE_MS = 30_000
/** TCP never waits for longer. */
const MOST_DOWN_MS = 120_000
const PAUSE_MS = { first: 100, most: 1000, late: 5000 }
/** After so many tries, about LATE_MS, the pauses are the late ones. */
const MANY_TRIES = 30
const RETAINED_MS = 120_000
const MAX_BYTES = 64 * 1024 * 1024
/** Who gets one of these may send the request again, and has it computed. */
const PASSING: number[] = [Code.cancelled, Code.overloaded, Code.unavailable]
/** What an answer takes beside its body, about. */
const ENTRY_BYTES = 1000
/** A client that asks again and again gets it so often. */
const AGAIN_MS = 1000

interface Kept {
  readonly name: string
  readonly replyTo: string[]
  readonly answer: Answer
  readonly bytes: number
  readonly isRetained: boolean
  readonly until: number
  /** Of the function's name and the request's body: an id may be used for something else. */
  readonly digest: string
  /** When its request was sent, if its client does not ask for it. */
  readonly plainSince: number
  state: 'unsent' | 'sent' | 'unsure' | 'confirmed'
  /** The reply subject that hears of a client that is not there. */
  token: string
  tries: number
  timer: NodeJS.Timeout | undefined
  /** Nobody gets it again before. */
  againAt: number
}

export class Outbox {
  readonly #post: Post
  /** The oldest first. */
  readonly #kept = new Map<string, Kept>()
  /** Those of them that the server may not have. */
  readonly #open = new Set<Kept>()
  #bytes = 0
  #isUp = true
  #downAt = 0
  #upAt = -Infinity
  /** Until then clients may be back later than we are. */
  #lateUntil = 0
  #isFlushing = false
  #count = 0

  constructor(post: Post) {
    this.#post = post
  }

  /** How many answers are here that the server may not have. */
  get delivering(): number {
    let count = 0
    for (const { state } of this.#open) if (state !== 'unsure') count++
    return count
  }

  /** Sends the answer to a request. */
  send(job: Job, answer: Answer) {
    const now = performance.now()
    const isOld = now - job.since >= OLD_MS
    if (!isOld && this.#isUp && now > this.#lateUntil) return this.#publish(job.replyTo, answer)
    // That its deadline has passed is no answer for who sends it with another one.
    const isPassing = PASSING.includes(answer.code) || (answer.code === Code.deadline && job.deadline <= now)
    const isRetained = job.isWatched && !isPassing
    // What is kept must not keep the whole packet alive that it came in.
    const kept: Kept = {
      // Nobody asks for any other one, and strangers without a key may use one id.
      name: isRetained ? nameOf(job) : `#${++this.#count}`,
      replyTo: job.replyTo,
      answer: { ...answer, body: new Uint8Array(answer.body) },
      bytes: answer.body.byteLength + ENTRY_BYTES,
      isRetained,
      until: now + RETAINED_MS,
      digest: job.isWatched ? digestOf(job) : '',
      plainSince: job.isWatched ? Infinity : job.since,
      state: 'unsent',
      token: '',
      tries: 0,
      timer: undefined,
      againAt: 0,
    }
    this.#forget(this.#kept.get(kept.name))
    this.#kept.set(kept.name, kept)
    this.#open.add(kept)
    this.#bytes += kept.bytes
    this.#trim()
    if (this.#isUp) this.#deliver(kept)
  }

  /** Sends an answer again that is here, to a client that asks for its request; whether it is. */
  repeat(name: string): boolean {
    const kept = this.#kept.get(name)
    if (!kept?.isRetained) return false
    const now = performance.now()
    if (kept.state === 'confirmed' && now >= kept.againAt) {
      kept.againAt = now + AGAIN_MS
      this.#publish(kept.replyTo, kept.answer)
    }
    return true
  }

  /** Answers a request that was answered before and is sent once more; whether it was. */
  answerAgain(job: Job): 'sent' | 'too often' | false {
    const kept = job.isWatched && this.#kept.size > 0 ? this.#kept.get(nameOf(job)) : undefined
    if (!kept?.isRetained || kept.digest !== digestOf(job)) return false
    const now = performance.now()
    if (now < kept.againAt) return 'too often'
    kept.againAt = now + AGAIN_MS
    this.#publish(job.replyTo, kept.answer)
    return 'sent'
  }

  /** The connection was lost, or is back. */
  connected(isUp: boolean) {
    if (isUp === this.#isUp) return
    const now = performance.now()
    this.#isUp = isUp
    if (!isUp) {
      this.#downAt = now
      for (const kept of this.#open) kept.state = 'unsent'
      return
    }
    this.#upAt = now
    this.#lateUntil = now + LATE_MS + Math.min(MOST_DOWN_MS, now - this.#downAt)
    for (const kept of this.#open) this.#publishKept(kept)
    this.#confirm()
  }

  close() {
    for (const kept of this.#kept.values()) this.#forget(kept)
  }

  #publish(replyTo: string[], { body, lines, code }: Answer, reply = '') {
    try {
      for (const inbox of replyTo) this.#post.publish(inbox, body, lines, reply)
    } catch (error) {
      const isTooLarge = (error as Partial<NatsError>).code === ErrorCode.MaxPayloadExceeded
      // Another server, or another one than it was, which takes less.
      if (code === 0 && isTooLarge) this.#publish(replyTo, tooLarge(lines, body, this.#post.maxPayload), reply)
    }
  }

  #deliver(kept: Kept) {
    this.#publishKept(kept)
    this.#confirm()
  }

  #publishKept(kept: Kept) {
    clearTimeout(kept.timer)
    kept.state = 'sent'
    if (performance.now() < this.#lateUntil && !kept.token) kept.token = this.#post.inbox.reserve(this.#listener(kept))
    this.#publish(kept.replyTo, kept.answer, kept.token && this.#post.inbox.replySubject(kept.token))
  }

  #listener(kept: Kept): Listener {
    return {
      subject: '',
      onReply: message => headersOf(message)?.code === 503 && this.#returned(kept),
      onFailure: () => this.#returned(kept),
    }
  }

  /** Its client is not there. */
  #returned(kept: Kept) {
    if (kept.state !== 'sent') return
    const pause = kept.tries < MANY_TRIES ? Math.min(PAUSE_MS.most, PAUSE_MS.first * 2 ** kept.tries) : PAUSE_MS.late
    this.#sendAgain(kept, 'unsent', pause)
  }

  #sendAgain(kept: Kept, state: 'unsent' | 'unsure', pause: number) {
    kept.tries++
    if (!this.#isUp || this.#kept.get(kept.name) !== kept) return
    if (performance.now() + pause > this.#lateUntil) return this.#confirmed(kept)
    kept.state = state
    kept.timer = setTimeout(() => this.#isUp && this.#deliver(kept), pause)
  }

  /** Asks the server whether it has what was sent. */
  #confirm() {
    if (this.#isFlushing || !this.#post.isOpen) return
    this.#isFlushing = true
    const sent = new Map<Kept, number>()
    for (const kept of this.#open) if (kept.state === 'sent') sent.set(kept, kept.tries)
    const plain = [...sent.keys()].filter(({ plainSince, token }) => plainSince < this.#upAt && token)
    const probe = plain.length > 0 ? this.#probe(plain[0]!.replyTo[0]!) : undefined
    // One that came back may have been sent once more before the server's answer was read: that is no answer to it.
    const isConfirmed = (kept: Kept) => kept.state === 'sent' && kept.tries === sent.get(kept)
    const flushed = this.#post.nc.flush().finally(() => {
      this.#isFlushing = false
      if (probe) this.#post.inbox.forget(probe.token)
    })
    flushed.then(
      () => {
        for (const kept of probe?.isHeard ? plain : [])
          if (isConfirmed(kept))
            this.#sendAgain(kept, 'unsure', Math.min(PAUSE_MS.late, PAUSE_MS.first * 2 ** kept.tries))
        for (const kept of sent.keys()) if (isConfirmed(kept)) this.#confirmed(kept)
        for (const { state } of this.#open) if (state === 'sent') return this.#confirm()
      },
      // The connection was lost: all of them are sent again when it is back.
      () => {},
    )
  }

  /** Whether somebody hears what is sent to nobody: it is known when a later flush has been answered. */
  #probe(inbox: string) {
    const probe = { isHeard: true, token: '' }
    const onFailure = () => {
      probe.isHeard = false
    }
    probe.token = this.#post.inbox.reserve({ subject: '', onReply: () => {}, onFailure })
    this.#post.publish(this.#post.nobodyBeside(inbox), undefined, '', this.#post.inbox.replySubject(probe.token))
    return probe
  }

  #confirmed(kept: Kept) {
    kept.state = 'confirmed'
    this.#open.delete(kept)
    if (!kept.isRetained) this.#forget(kept)
    else if (kept.token) {
      this.#post.inbox.forget(kept.token)
      kept.token = ''
    }
  }

  #forget(kept: Kept | undefined) {
    if (!kept || !this.#kept.delete(kept.name)) return
    this.#open.delete(kept)
    this.#bytes -= kept.bytes
    clearTimeout(kept.timer)
    if (kept.token) this.#post.inbox.forget(kept.token)
  }

  #trim() {
    const now = performance.now()
    for (const kept of this.#kept.values()) {
      if (this.#bytes <= MAX_BYTES && (kept.until > now || kept.state !== 'confirmed')) return
      this.#forget(kept)
    }
  }
}

/** In place of a result. */
function tooLarge(lines: string, { byteLength }: Uint8Array, most: number): Answer {
  const error = tooLargeText(byteLength, most)
  const errorLines = line(Header.errorCode, Code.tooLarge) + line(Header.error, error)
  return { body: new Uint8Array(0), lines: lines + errorLines, code: Code.tooLarge, error }
}

const digestOf = ({ functionName, isBytes, batchSize, body }: Job) =>
  createHash('sha256').update(`${functionName} ${isBytes} ${batchSize} `).update(body).digest('base64')
