// The processes of a run: a nats-server and executors, each ended by whoever started it.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { adopt, plainEnvironment, stopAll as stopAllChildren, stop as stopChildren } from '../cmd/children.js'
import { type NatsServer, startNatsServer } from '../cmd/nats-server.js'
import { root } from '../dev/root.js'
import type { Member } from './pool-members.js'

/** What does not end by SIGTERM within this time gets SIGKILL. */
const STOP_MS = 5000

const EXECUTOR = fileURLToPath(new URL('cmd/executor', root))
export const SLEEP = fileURLToPath(new URL('sleep.js', import.meta.url))
const SLOW_SLEEP = fileURLToPath(new URL('slow-sleep.js', import.meta.url))

export interface ExecutorChoice {
  url: string
  service: string
  balance: boolean
  member: Member
  /** Not the one that sleeps. */
  module?: string | undefined
  /** Further arguments. */
  flags?: string[]
}

/** Starts nats-servers on free ports of the loopback interface, as one cluster if there are several. */
export async function startServers(count: number): Promise<NatsServer[]> {
  const servers: NatsServer[] = []
  const routes: string[] = []
  for (let i = 0; i < count; i++) {
    const cluster = ['--cluster_name', 'bench', '--cluster', 'nats://127.0.0.1:-1']
    const others = routes.length > 0 ? ['--routes', routes.join()] : []
    const server = await startNatsServer({ detached: true, args: count > 1 ? [...cluster, ...others] : [] })
    if (server.clusterPort) routes.push(`nats://127.0.0.1:${server.clusterPort}`)
    servers.push(server)
  }
  return servers
}

export function startExecutor({ url, service, balance, member, module, flags = [] }: ExecutorChoice): ChildProcess {
  const child = start(EXECUTOR, [
    `--servers=${url}`,
    `--service=${service}`,
    module ?? (member.slowness === 1 ? SLEEP : SLOW_SLEEP),
    `--concurrency=${member.concurrency}`,
    '--log=none',
    ...(balance ? [] : ['--no-balance']),
    ...flags,
  ])
  child.stderr!.on('data', text => void process.stderr.write(text))
  return child
}

/** Ends processes that were started here, and waits for their end. */
export const stop = (...children: ChildProcess[]) => stopChildren(children, STOP_MS)

export const stopAll = () => stopAllChildren(STOP_MS)

/** Ctrl-C ends them too, and then this process. */
export function stopAllOnSignals() {
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const)
    process.on(signal, () => void stopAll().finally(() => process.exit(128 + number)))
}

function start(file: string, args: string[]): ChildProcess {
  // In a group of its own, so that the terminal's Ctrl-C reaches only this process, which ends the others in order.
  return adopt(spawn(file, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'], env: plainEnvironment() }))
}
