// The addresses behind the names of servers, as the system knows them. nats.js asks the name service alone, which knows nothing of
// /etc/hosts: even for "localhost" it would wait half a minute for one that is silent.
import { lookup } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostOf } from './servers.js'

const LONGEST_MS = 2000

/** Those of "localhost", which Node tries in turn. */
const HERE = ['127.0.0.1', '::1']

/** @throws {NodeJS.ErrnoException} if it has none */
export const addressesOf = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address)

/**
 * How many addresses one of these servers has, at most: where it is 1, there is nothing to choose from. Those of "localhost" are one.
 * Undefined if that cannot be said soon.
 */
export async function mostAddresses(servers: readonly string[]): Promise<number | undefined> {
  const counts = Promise.all(servers.map(countOf)).catch(() => [])
  const known = await Promise.race([counts, sleep(LONGEST_MS, [], { ref: false })])
  return known.length > 0 ? Math.max(...known) : undefined
}

async function countOf(server: string) {
  const addresses = await addressesOf(hostOf(server))
  return addresses.every(address => HERE.includes(address)) ? 1 : addresses.length
}
