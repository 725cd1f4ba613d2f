// All that a scenario plays on: hosts with servers, executors and clients, each on its own.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Caller, type Kind } from './calls.js'
import { Journal } from './journal.js'
import { root } from '../../dev/root.js'
import { type Host, Network } from './network.js'

const READY_MS = 30_000
const SPREAD_TRIES = 15
const PORT = 4222
const ROUTES_PORT = 6222
const CONNECTIONS = 'http://127.0.0.1:8222/connz'
const CONFIGURATION = fileURLToPath(new URL('nats-server.conf', root))
const EXECUTOR = fileURLToPath(new URL('cmd/executor', root))
const WORK = fileURLToPath(new URL('work.js', import.meta.url))
const WATCHER = fileURLToPath(new URL('watcher.js', import.meta.url))

export interface SiteOptions {
  servers: 1 | 3
  executors: number
  /** Of each executor. */
  slots: number
  /** Of the plain client's requests, in milliseconds. */
  plainTimeout: number
  /** One way, between any two hosts, in milliseconds. */
  delay?: number
}

/** What is the same for all scenarios of a run. */
export interface Setting {
  natsServer: string
  /** Whether somebody subscribes to everything, and keeps a stream. */
  isWatched: boolean
}

/** A connection as its server shows it. */
export interface Connection {
  /** Who is connected, and with which server. */
  host: string
  server: string
  id: string
}

export class Site {
  readonly network = new Network()
  readonly servers: Host[] = []
  readonly executors: Host[] = []
  readonly callers = {} as Record<Kind, Caller>
  readonly journal: Journal
  readonly #options: SiteOptions
  readonly #setting: Setting
  readonly #folder: string
  /** What was started last on each host. */
  readonly #programs = new Map<Host, ChildProcess>()

  /** Its logs and journals are written into `folder`. */
  constructor(options: SiteOptions, setting: Setting, folder: string) {
    this.#options = options
    this.#setting = setting
    this.#folder = folder
    this.journal = new Journal(join(folder, 'journals'))
  }

  async open() {
    const { servers, executors, delay, plainTimeout } = this.#options
    await mkdir(join(this.#folder, 'journals'), { recursive: true })
    for (let i = 1; i <= servers; i++) this.servers.push(await this.network.addHost(`server-${i}`))
    for (let i = 1; i <= executors; i++) this.executors.push(await this.network.addHost(`executor-${i}`))
    const clients = { library: await this.network.addHost('library'), plain: await this.network.addHost('plain') }
    const watcher = this.#setting.isWatched ? await this.network.addHost('watcher') : undefined
    if (delay !== undefined)
      for (const host of [...this.servers, ...this.executors, clients.library, clients.plain])
        await host.set({ in: { delay: delay / 2 }, out: { delay: delay / 2 } })
    await Promise.all(this.servers.map(host => this.startServer(host)))
    if (watcher) await this.#launch(watcher, process.execPath, [WATCHER, this.#urls().join(',')], /watching/)
    await Promise.all(this.executors.map(host => this.startExecutor(host)))
    await this.#spreadExecutors()
    this.callers.library = new Caller('library', clients.library, this.#urls(), plainTimeout)
    // The two have their connections with different servers, if there are several.
    this.callers.plain = new Caller('plain', clients.plain, rotated(this.#urls()), plainTimeout)
    await Promise.all([this.callers.library.ready, this.callers.plain.ready])
  }

  async startServer(host: Host) {
    const args = ['-c', CONFIGURATION, '-a', host.address, '-n', host.name]
    if (this.#options.servers > 1) {
      const routes = this.servers.map(({ address }) => `nats://${address}:${ROUTES_PORT}`)
      args.push('--cluster_name', 'hosts', '--cluster', `nats://${host.address}:${ROUTES_PORT}`)
      args.push('--routes', routes.join(','))
    }
    if (this.#setting.isWatched) args.push('-js', '-sd', join(this.#folder, host.name))
    await this.#launch(host, this.#setting.natsServer, args, /Server is ready/)
  }

  async startExecutor(host: Host) {
    const args = ['--servers', this.#urls().join(','), '--service', 'work', WORK]
    args.push('--concurrency', String(this.#options.slots), '--processes', '1')
    const env = { JOURNAL: this.journal.file(host.name), HOST: host.name }
    await this.#launch(host, EXECUTOR, args, /Awaiting requests/, env)
  }

  /** Kills what was started there last: the host goes on. */
  async kill(host: Host) {
    const program = this.#programs.get(host)!
    program.kill('SIGKILL')
    if (program.exitCode === null && program.signalCode === null) await once(program, 'exit')
  }

  /** Writes it beside the logs. */
  async keep(file: string, ...what: unknown[]) {
    await writeFile(join(this.#folder, file), JSON.stringify(what))
  }

  /** Those of the executors and callers. */
  async connections(): Promise<Connection[]> {
    const ask = `console.log(await (await fetch('${CONNECTIONS}')).text())`
    const hosts = [...this.executors, ...Object.values(this.callers).map(({ host }) => host)]
    const lists = await Promise.all(
      this.servers.map(async server => {
        const text = await server.read(process.execPath, ['--input-type=module', '-e', ask])
        const { connections } = JSON.parse(text) as { connections: { cid: number; ip: string }[] }
        return connections.map(({ cid, ip }) => ({
          host: hosts.find(({ address }) => address === ip)?.name ?? '',
          server: server.name,
          id: `${server.name} ${cid}`,
        }))
      }),
    )
    return lists.flat().filter(({ host }) => host !== '')
  }

  /** Executors choose their servers by chance: they are started anew until each server has some. */
  async #spreadExecutors() {
    for (let tries = 0; tries < SPREAD_TRIES; tries++) {
      const list = await this.connections()
      const counts = this.servers.map(({ name }) => list.filter(({ server }) => server === name).length)
      if (!counts.includes(0)) return
      const crowded = this.servers[counts.indexOf(Math.max(...counts))]!
      const one = list.find(({ server }) => server === crowded.name)!
      const host = this.executors.find(({ name }) => name === one.host)!
      await this.kill(host)
      await this.startExecutor(host)
    }
  }

  #urls() {
    return this.servers.map(({ address }) => `nats://${address}:${PORT}`)
  }

  /** Resolves when the program says that it is ready; its output goes into a file. */
  async #launch(host: Host, file: string, args: string[], ready: RegExp, env: NodeJS.ProcessEnv = {}) {
    const child = host.spawn(file, args, env, ['ignore', 'pipe', 'pipe'])
    this.#programs.set(host, child)
    const log = createWriteStream(join(this.#folder, `${host.name}.log`), { flags: 'a' })
    let said = ''
    for (const output of [child.stdout!, child.stderr!])
      output.on('data', (chunk: Buffer) => {
        log.write(chunk)
        if (said.length < 10_000) said += String(chunk)
      })
    for (const until = Date.now() + READY_MS; !ready.test(said); await sleep(20))
      if (Date.now() > until || child.exitCode !== null) throw new Error(`${host.name} does not get ready: ${said}`)
  }
}

const rotated = <T>([first, ...others]: T[]) => [...others, first!]
