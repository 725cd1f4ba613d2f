// The executors of a run, written as on the command line: `1,2,4,slow` is three of one, two and four slots, and a slow one.
import { SLOWNESS } from './slow-sleep.js'

export interface Member {
  /** How many requests it computes at the same time. */
  concurrency: number
  /** How many times longer than in the others a computation takes. */
  slowness: number
}

/** @throws {RangeError} unless each member is a number of slots or `slow` */
export function readMembers(text: string): Member[] {
  return text.split(',').map(word => {
    if (word === 'slow') return { concurrency: 1, slowness: SLOWNESS }
    if (!/^[1-9]\d?$/.test(word))
      throw new RangeError(`expected a number of slots from 1 to 99 or "slow", got "${word}"`)
    return { concurrency: Number(word), slowness: 1 }
  })
}

/** Executors with one slot each. */
export const equalMembers = (count: number): Member[] =>
  Array.from({ length: count }, () => ({ concurrency: 1, slowness: 1 }))

/** To how many slots of full speed they amount. */
export const capacity = (members: Member[]) =>
  members.reduce((sum, { concurrency, slowness }) => sum + concurrency / slowness, 0)
