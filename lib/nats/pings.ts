// Asks the server of a connection of our own for signs of life, and leaves one that gives none for 3 to 5 s: nats.js takes three
// of its ping intervals, and waits then for what is unsent, which a dead server never takes.
//
// Every two seconds it sends a PING and looks whether anything came. Any byte is a sign of life, since a PONG comes late behind a
// long message. The timer runs while the connection is up; the dials of nats.js tell when it is.
//
// The socket that was left is reset at once, or, that of a member of queue groups, when the next connection is there: earlier the server may
// not hear of it, and would go on sending requests into it until its own TCP tries again, after up to as long as the network was down.
import type { Socket } from 'node:net'
import { type PingParts, abandon, pingParts, reset } from './nats-internals.js'
import type { NatsConnection } from './nats.js'
import { RoundTripTime } from './round-trip-time.js'
import { Silence } from './silence.js'
import { Traffic } from './traffic.js'
import { tellLost } from './watch.js'

export class Pings {
  readonly roundTripTime = new RoundTripTime()
  readonly #nc: NatsConnection
  readonly #isMember: boolean
  readonly #parts: PingParts | undefined
  #traffic: Traffic | undefined
  #silence = new Silence(0)
  #timer: NodeJS.Timeout | undefined
  #left: Socket | undefined
  /** The PING that is not answered yet. */
  #ping: { isSpoilt: boolean } | undefined

  constructor(nc: NatsConnection, isMember: boolean) {
    this.#nc = nc
    this.#isMember = isMember
    this.#parts = pingParts(nc)
    owned.set(nc, this)
  }

  /** The connection is there, for the first time or again. */
  start() {
    this.stop()
    const socket = this.#parts?.transport.socket
    // Where nats.js shows no socket it finds out itself, if later.
    if (!socket) return
    this.roundTripTime.restart()
    this.#traffic = new Traffic(socket)
    this.#silence = new Silence(performance.now())
    this.#ask()
    this.#schedule()
  }

  stop() {
    clearTimeout(this.#timer)
    reset(this.#left)
    this.#ping = this.#traffic = this.#left = undefined
  }

  #schedule() {
    this.#timer = setTimeout(() => this.#look(), this.#silence.nextMs).unref()
  }

  #look() {
    const traffic = this.#traffic
    if (!traffic || !this.#parts!.connected) return this.stop()
    const verdict = this.#silence.look(performance.now(), traffic.hasSign(), this.roundTripTime.longest)
    if (this.#silence.isLate && this.#ping) this.#ping.isSpoilt = true
    if (verdict === 'dead') {
      // After the poll phase: a timer comes before what has arrived meanwhile is read.
      setImmediate(() => this.#leaveUnlessAlive(traffic))
      return
    }
    if (!this.#ping) this.#ask()
    this.#schedule()
  }

  #ask() {
    const ping = (this.#ping = { isSpoilt: false })
    const askedAt = performance.now()
    this.#nc.flush().then(
      () => {
        if (this.#ping !== ping) return
        this.#ping = undefined
        if (!ping.isSpoilt) this.roundTripTime.sample(performance.now() - askedAt)
      },
      // Disconnected: the next start asks again.
      () => {},
    )
  }

  #leaveUnlessAlive(traffic: Traffic) {
    // Meanwhile it may have been lost otherwise.
    if (this.#traffic !== traffic) return
    if (traffic.hasSign()) {
      this.#silence = new Silence(performance.now())
      this.#schedule()
      return
    }
    this.stop()
    if (this.#isMember) this.#left = abandon(this.#parts!)
    else reset(this.#parts!.transport.socket)
    tellLost(this.#nc)
  }
}

const owned = new WeakMap<NatsConnection, Pings>()

/**
 * The smoothed round-trip time to the server of a connection, in milliseconds; 0 while it is unknown, and for a connection
 * that is not our own.
 */
export const rttOf = (nc: NatsConnection): number => owned.get(nc)?.roundTripTime.smoothed ?? 0

/** The least that it has taken lately: what the network takes. */
export const leastRttOf = (nc: NatsConnection): number => owned.get(nc)?.roundTripTime.least ?? 0
