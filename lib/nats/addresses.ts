// The addresses behind the names of servers, as the system knows them. nats.js asks the name service alone, which knows nothing of
// /etc/hosts: even for "localhost" it would wait half a minute for one that is silent.
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ErrorCode, NatsError } from './nats.js'
import { hostOf } from './servers.js'

const LONGEST_MS = 2000

/** Those of "localhost", which Node tries in turn. */
const HERE = ['127.0.0.1', '::1']

const underWay = new Map<string, Promise<string[]>>()

/**
 * One look-up at a time for a name: one that hangs has a thread of Node for half a minute, of which there are few.
 * @throws {NodeJS.ErrnoException} if it has none
 */
export function addressesOf(host: string): Promise<string[]> {
  let found = underWay.get(host)
  if (!found) {
    found = lookup(host, { all: true })
      .then(all => all.map(({ address }) => address))
      .finally(() => underWay.delete(host))
    underWay.set(host, found)
  }
  return found
}

export interface Known {
  servers: string[]
  /** How many addresses one of them has, at most: where it is 1, there is nothing to choose from. Those of "localhost" are one. */
  most: number
}

/**
 * Those of these servers whose addresses are known soon: a name that nobody knows would hold up the others, once more in each look-up
 * that Node makes for a dial.
 * @throws {NodeJS.ErrnoException | NatsError} what is the matter with the last one if there are none
 */
export async function knownServers(servers: readonly string[], signal: AbortSignal): Promise<Known> {
  const over = new AbortController()
  const end = () => over.abort()
  if (signal.aborted) end()
  signal.addEventListener('abort', end)
  const late = sleep(LONGEST_MS, undefined, { signal: over.signal }).then(() => {
    throw NatsError.errorForCode(ErrorCode.Timeout)
  })
  const counts = await Promise.allSettled(servers.map(server => Promise.race([countOf(server), late])))
  signal.removeEventListener('abort', end)
  end()
  late.catch(() => {})
  signal.throwIfAborted()
  const known = servers.filter((_, i) => counts[i]!.status === 'fulfilled')
  const last = counts.at(-1)!
  if (known.length === 0 && last.status === 'rejected') throw last.reason as Error
  return { servers: known, most: Math.max(...counts.map(count => (count.status === 'fulfilled' ? count.value : 1))) }
}

async function countOf(server: string) {
  const host = hostOf(server)
  if (isIP(host) !== 0) return 1
  const addresses = await addressesOf(host)
  return addresses.every(address => HERE.includes(address)) ? 1 : addresses.length
}
