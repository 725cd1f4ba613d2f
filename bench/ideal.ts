// The ideal: one central queue, first come first served, that knows at no cost when a slot gets free. It is simulated on
// the requests as they were really sent and on the durations that the executors really measured, so that nothing but the
// dispatch differs.
import type { Member } from './pool-members.js'
import type { Sample } from './send.js'

type IdealSample = Pick<Sample, 'sent' | 'computeMs' | 'member'>

/** One of the executors starts nothing for a while. */
export interface Absence {
  member: Member
  from: number
  until: number
}

/**
 * When each request would have been answered, in milliseconds from its sending.
 *
 * The oldest request goes to the slot that has been free longest, or else gets free first. What a request took in the
 * executor that computed it is taken over to a faster or slower one in proportion to their speeds.
 */
export function idealResponses(samples: IdealSample[], members: Member[], absence?: Absence): number[] {
  const slots = members.flatMap(owner =>
    Array.from({ length: owner.concurrency }, () => ({ freeAt: -Infinity, slowness: owner.slowness, owner })),
  )
  return samples.map(({ sent, computeMs, member }) => {
    if (absence)
      for (const slot of slots) {
        const startsAt = Math.max(sent, slot.freeAt)
        const isAway = slot.owner === absence.member && startsAt >= absence.from && startsAt < absence.until
        if (isAway) slot.freeAt = absence.until
      }
    const slot = slots.reduce((first, other) => (other.freeAt < first.freeAt ? other : first))
    slot.freeAt = Math.max(sent, slot.freeAt) + computeMs * (slot.slowness / member.slowness)
    return slot.freeAt - sent
  })
}
