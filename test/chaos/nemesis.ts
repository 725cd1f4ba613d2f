// Kills, pauses, stops and starts executors and the server, as a seed says; `heal` ends it with all of them running.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { root } from '../../dev/root.js'
import { killIfThere } from '../fixtures/executors.js'
import type { Link } from '../fixtures/link.js'
import type { Server } from '../fixtures/nats-server.js'
import { Process, commandEnvironment } from '../fixtures/processes.js'

const EXECUTOR = fileURLToPath(new URL('cmd/executor', root))
const WORK = fileURLToPath(new URL('test/chaos/work.mjs', root))
const AWAITING = /Awaiting requests/

type Strike = 'kill' | 'kill slot' | 'stop' | 'pause' | 'restart server' | 'pause server' | 'cut links'
/** How often each strike comes, in parts. */
export type Strikes = [Strike, number][]

export const ALL_STRIKES: Strikes = [
  ['kill', 4],
  ['kill slot', 4],
  ['stop', 3],
  ['pause', 2],
  ['restart server', 1],
  ['pause server', 1],
]

/** Besides, the lines of a server of several may fail: those of clients and executors to it, and those to the other servers. */
export const CLUSTER_STRIKES: Strikes = [...ALL_STRIKES, ['cut links', 2]]

/** The servers, of which one at a time is struck. */
export interface Site {
  readonly servers: readonly Server[]
  readonly urls: readonly string[]
  /** All lines of a server. */
  linesOf(server: number): readonly Link[]
}

export class Nemesis {
  readonly counts = new Map<Strike, number>()
  readonly executors: Process[] = []
  readonly #site: Site
  readonly #random: () => number
  readonly #strikes: Strikes
  readonly #journals: string
  readonly #pauses = new Set<Promise<void>>()
  readonly #ended: Promise<unknown>[] = []
  /** Exit codes other than 0 of executors that were told to stop when they awaited requests. */
  readonly wrongExits: (number | string)[] = []
  /** How many slots were there to be killed. */
  slotKills = 0
  /** The executors that were killed or stood still for a while, by their pids. */
  readonly struck = new Set<number>()
  #isOver = false

  /** Executors write what they compute into files in the folder `journals`. */
  constructor(site: Site, strikes: Strikes, journals: string, random: () => number) {
    this.#site = site
    this.#strikes = strikes
    this.#journals = journals
    this.#random = random
  }

  async start(executors: number) {
    for (let i = 0; i < executors; i++) this.executors.push(this.#spawn())
    await this.#allAwaiting()
  }

  /** Strikes again and again until `heal` is called. */
  async rage(pauseMs: number) {
    while (!this.#isOver) {
      await sleep(pauseMs * (0.5 + this.#random()))
      if (!this.#isOver) await this.#strike(this.#choose())
    }
  }

  /** Everything runs again from here on. */
  async heal() {
    this.#isOver = true
    await Promise.all(this.#pauses)
  }

  /** Stops the executors; each has to end well. */
  async stop() {
    for (const executor of this.executors) this.#stop(executor)
    await Promise.all(this.#ended)
  }

  kill() {
    for (const executor of this.executors) if (executor.isRunning) executor.kill('SIGKILL')
  }

  #choose(): Strike {
    let part = this.#random() * this.#strikes.reduce((sum, [, parts]) => sum + parts, 0)
    return this.#strikes.find(([, parts]) => (part -= parts) < 0)?.[0] ?? 'kill'
  }

  async #strike(strike: Strike) {
    this.counts.set(strike, (this.counts.get(strike) ?? 0) + 1)
    const i = Math.floor(this.#random() * this.executors.length)
    const victim = this.executors[i]!
    const seconds = this.#random()
    const which = Math.floor(this.#random() * this.#site.servers.length)
    const server = this.#site.servers[which]!
    switch (strike) {
      case 'kill':
        this.struck.add(victim.pid)
        victim.kill('SIGCONT')
        victim.kill('SIGKILL')
        this.executors[i] = this.#spawn()
        return
      case 'kill slot': {
        const slots = await slotsOf(victim.pid)
        const slot = slots[Math.floor(seconds * slots.length)]
        if (slot !== undefined && killIfThere(slot)) this.slotKills++
        return
      }
      case 'stop':
        victim.kill('SIGCONT')
        this.#stop(victim)
        this.executors[i] = this.#spawn()
        return
      case 'pause':
        this.struck.add(victim.pid)
        this.#pause(
          () => victim.kill('SIGSTOP'),
          1000 + 4000 * seconds,
          () => victim.kill('SIGCONT'),
        )
        return
      case 'pause server':
        server.signal('SIGSTOP')
        await sleep(200 + 2000 * seconds)
        server.signal('SIGCONT')
        return
      case 'cut links':
        for (const line of this.#site.linesOf(which)) line.cut()
        await sleep(500 + 9500 * seconds)
        for (const line of this.#site.linesOf(which)) line.mend()
        return
      case 'restart server':
        await server.kill()
        await sleep(2000 * seconds)
        await server.start()
    }
  }

  #pause(stop: () => void, ms: number, go: () => void) {
    stop()
    const pause = sleep(ms).then(go)
    this.#pauses.add(pause)
    void pause.then(() => this.#pauses.delete(pause))
  }

  #stop(executor: Process) {
    // One that has only just been started may not listen to signals yet.
    const listens = executor.stdout.some(line => AWAITING.test(line))
    executor.kill('SIGTERM')
    this.#ended.push(executor.exit.then(code => listens && code !== 0 && this.wrongExits.push(code)))
  }

  #spawn() {
    const args = ['--servers', this.#site.urls.join(), '--service', 'chaos', WORK]
    return new Process(EXECUTOR, args, { ...commandEnvironment(), JOURNALS: this.#journals })
  }

  async #allAwaiting() {
    await Promise.all(this.executors.map(executor => executor.line(AWAITING)))
  }
}

/** The processes of an executor's slots: its children that run the slot's main file (another one reaps them). */
async function slotsOf(pid: number): Promise<number[]> {
  const children = await read(`/proc/${pid}/task/${pid}/children`)
  const pids = children.split(' ').filter(Boolean).map(Number)
  const titles = await Promise.all(pids.map(child => read(`/proc/${child}/cmdline`)))
  return pids.filter((_, i) => titles[i]!.startsWith('nats-executor slot '))
}

const read = (path: string) => readFile(path, 'utf8').catch(() => '')
