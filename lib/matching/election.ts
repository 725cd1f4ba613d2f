// Which executor is the matchmaker. Whoever finds that there is none becomes it; of two the one with the smaller id stays. Two at once do no
// harm, since only who holds a request can give it, and once. It owns no timer: who has it calls `tick` at `wakeAt`.
//
// States: a follower claims when it hears nothing of a matchmaker for SILENCE_MS, or when a report finds nobody. A matchmaker says so every
// BEACON_MS, until it hears of a smaller id, loses its connection, or resigns for good.
import type { Beacon } from '../protocol/dispatch.js'

const BEACON_MS = 500
/** Without a beacon for so long, and up to SPREAD_MS more by chance, there is no matchmaker. */
const SILENCE_MS = 1500
const SPREAD_MS = 500
/** A report that finds nobody right after a beacon was faster than the word of the matchmaker's subscription. */
const FRESH_MS = 50
/** After a resignation the first to claim is found by chance. */
const SUCCESSION_MS = 100
/** Who looks so late stood still: what it has not heard may lie in its socket. */
const STOOD_STILL_MS = 1000

/**
 * serve: subscribe to reports, before the beacon; stepDown: no longer; beacon: say that one is the matchmaker; resigned: say that one is it no
 * longer; reportAll: the next report is a full one, at once.
 */
export type ElectionAction = 'serve' | 'stepDown' | 'beacon' | 'resigned' | 'reportAll'

export class Election {
  state: 'follower' | 'matchmaker' = 'follower'
  /** The id of the matchmaker, if one is known. */
  matchmaker: string | undefined
  /** The round trip to the server: all times are that much longer. */
  rttMs = 0
  readonly #id: string
  readonly #random: () => number
  #isUp = false
  #hasResigned = false
  #heardAt = -Infinity
  #claimAt = Infinity
  #beaconAt = Infinity

  constructor(id: string, random: () => number = Math.random) {
    this.#id = id
    this.#random = random
  }

  /** When `tick` should be called. */
  get wakeAt(): number {
    return this.state === 'matchmaker' ? this.#beaconAt : this.#claimAt
  }

  heardBeacon({ id, resigns }: Beacon, now: number): ElectionAction[] {
    if (id === this.#id) return []
    if (resigns) return this.#heardResignation(id, now)
    if (this.state === 'matchmaker') {
      if (id > this.#id) return this.#beacon(now)
      return ['stepDown', ...this.#follow(id, now)]
    }
    // The larger of two steps down soon, unless the smaller one is no more.
    const isLosing = this.matchmaker !== undefined && id > this.matchmaker
    if (isLosing && now < this.#heardAt + 2 * BEACON_MS + this.rttMs) return []
    return this.#follow(id, now)
  }

  /** A report found that nobody subscribes. */
  nobodyThere(now: number): ElectionAction[] {
    if (this.state === 'matchmaker' || now < this.#heardAt + FRESH_MS + this.rttMs) return []
    return this.#claim(now)
  }

  tick(now: number): ElectionAction[] {
    if (now < this.wakeAt) return []
    if (this.state === 'matchmaker') return this.#beacon(now)
    if (now < this.#claimAt + STOOD_STILL_MS) return this.#claim(now)
    this.#wait(now, SUCCESSION_MS)
    return []
  }

  /** It stops: it is never the matchmaker again. */
  resign(now: number): ElectionAction[] {
    this.#hasResigned = true
    const actions: ElectionAction[] = this.state === 'matchmaker' ? ['resigned', 'stepDown'] : []
    this.#stopServing(now)
    return actions
  }

  /** The connection is there, or lost. */
  connected(isUp: boolean, now: number): ElectionAction[] {
    if (isUp === this.#isUp) return []
    this.#isUp = isUp
    const actions: ElectionAction[] = this.state === 'matchmaker' ? ['stepDown'] : []
    this.#stopServing(now)
    // What was told in between is lost.
    return isUp ? ['reportAll'] : actions
  }

  #heardResignation(id: string, now: number): ElectionAction[] {
    if (id !== this.matchmaker || this.state === 'matchmaker') return []
    this.matchmaker = undefined
    this.#heardAt = now
    this.#wait(now, 0, SUCCESSION_MS)
    return []
  }

  #follow(id: string, now: number): ElectionAction[] {
    const isAnother = id !== this.matchmaker
    this.state = 'follower'
    this.matchmaker = id
    this.#heardAt = now
    this.#wait(now, SILENCE_MS)
    return isAnother ? ['reportAll'] : []
  }

  #claim(now: number): ElectionAction[] {
    if (!this.#isUp || this.#hasResigned) {
      this.#claimAt = Infinity
      return []
    }
    this.state = 'matchmaker'
    this.matchmaker = this.#id
    return ['serve', ...this.#beacon(now), 'reportAll']
  }

  #beacon(now: number): ElectionAction[] {
    this.#beaconAt = now + BEACON_MS
    return ['beacon']
  }

  #stopServing(now: number) {
    if (this.state === 'matchmaker') this.matchmaker = undefined
    this.state = 'follower'
    this.#wait(now, SILENCE_MS)
  }

  #wait(now: number, ms: number, spreadMs = SPREAD_MS) {
    const isCandidate = this.#isUp && !this.#hasResigned
    this.#claimAt = isCandidate ? now + ms + this.rttMs + spreadMs * this.#random() : Infinity
  }
}
