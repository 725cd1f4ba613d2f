// The processes of a run: a nats-server and executors, each ended by whoever started it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findNatsServer } from '../cmd/find-nats-server.js'
import type { Member } from './pool-members.js'

const SERVER_START_MS = 10_000
/** What does not end by SIGTERM within this time gets SIGKILL. */
const STOP_MS = 5000

const EXECUTOR = fileURLToPath(new URL('../../cmd/executor', import.meta.url))
const SLEEP = fileURLToPath(new URL('sleep.js', import.meta.url))
const SLOW_SLEEP = fileURLToPath(new URL('slow-sleep.js', import.meta.url))

export interface ExecutorChoice {
  url: string
  subject: string
  balance: boolean
  member: Member
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a nats-server on a free port of the loopback interface. */
export async function startServer(): Promise<{ url: string; child: ChildProcess }> {
  const file = findNatsServer()
  if (!file) throw new Error('nats-server is not installed')
  const child = start(file, ['-a', '127.0.0.1', '-p', '-1'])
  const lines = createInterface({ input: child.stderr! })
  const signal = AbortSignal.timeout(SERVER_START_MS)
  const url = await new Promise<string>((resolve, reject) => {
    lines.on('line', line => {
      const port = /Listening for client connections on .*:(\d+)$/.exec(line)?.[1]
      if (port) resolve(`nats://127.0.0.1:${port}`)
    })
    child.on('exit', () => reject(new Error('nats-server ended')))
    signal.addEventListener('abort', () => reject(new Error('nats-server does not start')))
  })
  return { url, child }
}

export function startExecutor({ url, subject, balance, member }: ExecutorChoice): ChildProcess {
  const child = start(process.execPath, [
    EXECUTOR,
    `--servers=${url}`,
    `--subject=${subject}`,
    `--module=${member.slowness === 1 ? SLEEP : SLOW_SLEEP}`,
    `--concurrency=${member.concurrency}`,
    '--log=none',
    ...(balance ? [] : ['--no-balance']),
  ])
  child.stderr!.on('data', text => void process.stderr.write(text))
  return child
}

/** Ends processes that were started here, and waits for their end. */
export async function stop(...children: ChildProcess[]) {
  const left = children.filter(child => running.has(child))
  const ends = left.map(child => once(child, 'exit'))
  for (const child of left) child.kill('SIGTERM')
  const timer = setTimeout(() => left.forEach(child => child.kill('SIGKILL')), STOP_MS)
  await Promise.all(ends)
  clearTimeout(timer)
}

export const stopAll = () => stop(...running)

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
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NATS_')))
  return adopt(spawn(file, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'], env }))
}

/** Sees to it that a process ends with this one. */
export function adopt(child: ChildProcess): ChildProcess {
  running.add(child)
  child.on('exit', () => running.delete(child))
  child.on('error', error => {
    running.delete(child)
    process.stderr.write(`${child.spawnfile}: ${error.message}\n`)
  })
  return child
}
