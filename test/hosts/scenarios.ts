// The scenarios, by name.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Call, Kind } from './calls.js'
import { type Distance, distance } from './distance.js'
import type { Host } from './network.js'
import type { Row } from './row.js'
import { type Connection, type Setting, Site, type SiteOptions } from './site.js'
import { type Strike, type Times, strike } from './strike.js'

export interface Scenario {
  name: string
  /** How long it takes about, in seconds. */
  seconds: number
  /** Whether it measures small times, and other programs would show in them. */
  isQuiet: boolean
  run: (setting: Setting, folder: string, burstSeconds: number) => Promise<Row[]>
}

/** As many slots as there are requests when one executor is missing. */
const POOL = { executors: 3, slots: 40, plainTimeout: 30_000 }
const ONE: SiteOptions = { ...POOL, servers: 1 }
const THREE: SiteOptions = { ...POOL, servers: 3 }
/** TCP may wait as long again as a link was down before it sends anew. */
const PATIENT = { plainTimeout: 100_000 }
const NEVER: Record<Kind, number> = { library: Infinity, plain: Infinity }
/** For start and end, and for calls that end by their timeouts. */
const SPARE_S = 240
const ONE_CLUSTER_OUTAGE_S = 15
const ROUND_TRIPS_MS = [1, 20, 80]

const cutOff = { break: (_: Site, host: Host) => host.cut(), mend: (_: Site, host: Host) => host.mend() }
const withoutPower = (start: (site: Site, host: Host) => Promise<void>) => ({
  break: (_: Site, host: Host) => host.losePower(),
  mend: async (site: Site, host: Host) => {
    await host.boot()
    await start(site, host)
  },
})
const deaf = { ...cutOff, break: (_: Site, host: Host) => host.cut(['in']) }
const mute = { ...cutOff, break: (_: Site, host: Host) => host.cut(['out']) }
const killed = {
  break: (site: Site, host: Host) => site.kill(host),
  mend: (site: Site, host: Host) => site.startServer(host),
}

/** What began on the struck host begins again elsewhere at once; all else goes on. */
function withStandIn({ id, sent, ms, ended }: Call, { brokenAt, begunOn, struck }: Times) {
  const isInFlight = sent < brokenAt && ended > brokenAt
  const begun = begunOn.get(id)
  const isHit = isInFlight && (begun === undefined || struck.includes(begun))
  return (isHit ? brokenAt : sent) + ms
}

/** Nothing arrives while the link is down; what was under way is computed meanwhile. */
function withOutage({ sent, ms, ended }: Call, { brokenAt, mendedAt }: Times) {
  if (sent > mendedAt || ended < brokenAt) return sent + ms
  return sent < brokenAt ? Math.max(sent + ms, mendedAt) : mendedAt + ms
}

/** There are other servers. */
const withOtherServers = ({ sent, ms, ended }: Call, { brokenAt }: Times) =>
  Math.max(sent + ms, sent < brokenAt && ended > brokenAt ? brokenAt : 0)

const ofExecutor = {
  site: ONE,
  hosts: (site: Site) => [site.executors[0]!],
  ideal: withStandIn,
  limits: { library: 3000, plain: 5000 },
  isExecutors: true,
}
const link = (hosts: (site: Site) => Host[], seconds: number) => ({
  ...cutOff,
  site: { ...ONE, ...PATIENT },
  hosts,
  seconds,
  ideal: withOutage,
  limits: NEVER,
  isOnce: true,
})
const clients = ({ callers: { library, plain } }: Site) => [library.host, plain.host]
const servers = (site: Site) => site.servers
const ofServer = (client: Kind) => ({
  site: THREE,
  hosts: (site: Site, connections: Connection[]) => {
    const own = connections.find(({ host }) => host === client)
    return site.servers.filter(({ name }) => name === own?.server)
  },
  seconds: ONE_CLUSTER_OUTAGE_S,
  ideal: withOtherServers,
  limits: { library: 10_000, plain: 10_000 },
})
/** Bare nats.js takes minutes to see that its server is silent. */
const bareOnItsOwn = { unjudged: ['plain' as const] }

const strikes: Record<string, Strike> = {
  'executor loses power': { ...ofExecutor, ...withoutPower((site, host) => site.startExecutor(host)), seconds: 20 },
  'executor cut off for 20 s': { ...ofExecutor, ...cutOff, seconds: 20 },
  'executor cut off for 30 s': { ...ofExecutor, ...cutOff, seconds: 30 },
  'executor cut off for 60 s': { ...ofExecutor, ...cutOff, seconds: 60 },
  'executor hears nothing for 20 s': { ...ofExecutor, ...deaf, seconds: 20 },
  'executor is not heard for 20 s': { ...ofExecutor, ...mute, seconds: 20 },
  'clients cut off for 10 s': link(clients, 10),
  'clients cut off for 40 s': link(clients, 40),
  'server cut off for 10 s': link(servers, 10),
  'server cut off for 40 s': link(servers, 40),
  'own server of three killed': { ...ofServer('library'), ...killed },
  'own server of three cut off': { ...ofServer('library'), ...cutOff },
  'own server of three loses power': {
    ...ofServer('library'),
    ...withoutPower((site, host) => site.startServer(host)),
  },
  "plain client's server of three killed": { ...ofServer('plain'), ...killed },
  "plain client's server of three cut off": { ...ofServer('plain'), ...cutOff, ...bareOnItsOwn },
  "plain client's server of three loses power": {
    ...ofServer('plain'),
    ...withoutPower((site, host) => site.startServer(host)),
    ...bareOnItsOwn,
  },
}

const far = (roundTrip: number): Distance => ({
  site: { servers: 1, executors: 4, slots: 2, plainTimeout: 30_000, delay: roundTrip / 2 },
})

export const SCENARIOS: Scenario[] = [
  ...Object.entries(strikes).map(([name, options]) =>
    scenario(name, options.seconds, false, options.site, (site, bursts) => strike(name, site, options, bursts)),
  ),
  ...ROUND_TRIPS_MS.map(roundTrip => {
    const name = `round trip of ${roundTrip} ms`
    return scenario(name, 60, true, far(roundTrip).site, site => distance(name, site, far(roundTrip)))
  }),
]

function scenario(
  name: string,
  seconds: number,
  isQuiet: boolean,
  options: SiteOptions,
  play: (site: Site, burstSeconds: number) => Promise<Row[]>,
): Scenario {
  const run: Scenario['run'] = async (setting, folder, burstSeconds) => {
    const site = new Site(options, setting, folder)
    const over = new AbortController()
    const limit = seconds + burstSeconds + SPARE_S
    const tooLong = sleep(limit * 1000, undefined, { signal: over.signal }).then(() => {
      throw new Error(`it does not end within ${limit} s`)
    })
    tooLong.catch(() => {})
    try {
      await site.open()
      return await Promise.race([play(site, burstSeconds), tooLong])
    } finally {
      over.abort()
      await site.network.close()
    }
  }
  return { name, seconds, isQuiet, run }
}
