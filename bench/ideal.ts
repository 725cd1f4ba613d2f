// The ideal: one central queue, first come first served, that knows at no cost when a slot gets free. It is simulated on
// the requests as they were really sent and on the durations that the executors really measured, so that nothing but the
// dispatch differs.
import type { Member } from './pool-members.js'
import type { Sample } from './send.js'

/**
 * When each request would have been answered, in milliseconds from its sending.
 *
 * The oldest request goes to the slot that has been free longest, or else gets free first. What a request took in the
 * executor that computed it is taken over to a faster or slower one in proportion to their speeds.
 */
export function idealResponses(samples: Sample[], members: Member[]): number[] {
  const slots = members.flatMap(({ concurrency, slowness }) =>
    Array.from({ length: concurrency }, () => ({ freeAt: -Infinity, slowness })),
  )
  return samples.map(({ sent, computeMs, member }) => {
    const slot = slots.reduce((first, other) => (other.freeAt < first.freeAt ? other : first))
    slot.freeAt = Math.max(sent, slot.freeAt) + computeMs * (slot.slowness / member.slowness)
    return slot.freeAt - sent
  })
}
