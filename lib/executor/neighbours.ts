// Executors of one group that share a connection. On one with `noEcho` they hear nothing of each other, so they balance with all but
// each other: whoever has made it so is told.
import { hasNoEcho } from '../nats/nats-internals.js'
import type { NatsConnection } from '../nats/nats.js'

/** By connection: the group of each of its executors. */
const groupsOf = new WeakMap<NatsConnection, string[]>()

/** An executor of the group is there until `signal` is aborted; whether there is another one that it will not hear. */
export function joinDeaf(nc: NatsConnection, group: string, signal: AbortSignal): boolean {
  if (!hasNoEcho(nc)) return false
  const groups = groupsOf.get(nc) ?? []
  groupsOf.set(nc, groups)
  const isDeaf = groups.includes(group)
  groups.push(group)
  signal.addEventListener('abort', () => groups.splice(groups.indexOf(group), 1), { once: true })
  return isDeaf
}
