// Starts a real nats-server on the loopback interface.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { adopt, adoptGroup, plainEnvironment } from './children.js'
import { reason } from './reason.js'
import { findNatsServer } from './find-nats-server.js'

const START_MS = 10_000
const MISSING =
  'nats-server is not installed: apt-get install nats-server, brew install nats-server, or https://nats.io/download/; $NATS_SERVER may name one'

export interface NatsServer {
  child: ChildProcess
  url: string
  port: number
  /** The port of its monitoring, if `args` ask for one. */
  monitorPort: number | undefined
  /** The port for other servers of its cluster, if `args` ask for one. */
  clusterPort: number | undefined
}

export interface NatsServerOptions {
  /** A free one, unless it is given. */
  port?: number
  args?: string[]
  /**
   * In a group of its own: the terminal's Ctrl-C does not reach it, and whoever started it ends it in order. When that one is killed, it
   * ends all the same.
   */
  detached?: boolean
  /** Nobody waits for it any more. */
  signal?: AbortSignal
}

/** Resolves when it takes connections; it ends with this process. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const { port = -1, args = [], detached = false } = options
  options.signal?.throwIfAborted()
  const file = findNatsServer()
  if (!file) throw new Error(MISSING)
  const child = (detached ? adoptGroup : adopt)(
    spawn(file, ['-a', '127.0.0.1', '-p', String(port), ...args], {
      detached,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: plainEnvironment(),
    }),
  )
  const portIn = (pattern: RegExp) => Number(pattern.exec(said)?.[1]) || undefined
  let said = ''
  child.on('error', error => (said = reason(error)))
  // It listens to other servers a moment later.
  const isReady = () =>
    said.includes('Server is ready') && (!args.includes('--cluster') || said.includes('for route connections'))
  const { signal } = options
  const lines = createInterface({ input: child.stderr, ...(signal && { signal }) })
  const late = setTimeout(() => lines.close(), START_MS)
  for await (const line of lines) {
    said += `${line}\n`
    if (isReady()) break
  }
  clearTimeout(late)
  // Else a signal closes it later, and that stops the reading for good: a server waits for whoever reads its log.
  lines.close()
  child.stderr.resume()
  const ownPort = portIn(/client connections on \S+:(\d+)$/m)
  if (!isReady() || !ownPort) {
    child.kill('SIGKILL')
    // Without its own prefix, as in `[4711] 2026/11/27 02:51:38.357193 [FTL] Error listening on port`.
    const why = said
      .trim()
      .split('\n')
      .at(-1)!
      .replace(/^\[\d+\] .* \[[A-Z]{3}\] /, '')
    throw new Error(`${file} does not start: ${why || 'it says nothing'}`)
  }
  const url = `nats://127.0.0.1:${ownPort}`
  const monitorPort = portIn(/http monitor on \S+:(\d+)$/m)
  const clusterPort = portIn(/route connections on \S+:(\d+)$/m)
  return { child, url, port: ownPort, monitorPort, clusterPort }
}
