// A network of hosts: each a network namespace, with a switch between them that delays and loses packets (switch.py).
// The namespaces and all that runs in them end with the switch, and the switch ends with this process, however it ends.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { type Interface, createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { root } from '../../dev/root.js'
import { adopt } from '../../cmd/children.js'
import { commandEnvironment } from '../fixtures/processes.js'

const SWITCH = fileURLToPath(new URL('test/hosts/switch.py', root))

export interface Direction {
  /** One way, in milliseconds. */
  delay?: number
  /** Which part of the packets vanishes: 0–1. */
  loss?: number
  on?: boolean
}

/** What else runs on this machine should not show in the times. */
const PRIORITY = -10

type Answer = { fd?: number; error?: string }

export class Network {
  readonly #switch: ChildProcess
  readonly #lines: Interface
  readonly #commands: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = []
  #hosts = 0
  #isClosed = false

  constructor() {
    this.#switch = spawn('python3', [SWITCH], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#switch.stdout! }).on('line', line => {
      const { resolve, reject } = this.#commands.shift()!
      const answer = JSON.parse(line) as Answer
      if (answer.error === undefined) resolve(answer)
      else reject(new Error(answer.error))
    })
    this.#switch.on('exit', (code, killer) => {
      if (!this.#isClosed) throw new Error(`the switch has ended: ${code ?? killer}`)
    })
  }

  async addHost(name: string): Promise<Host> {
    const host = new Host(this, ++this.#hosts, name)
    await host.boot()
    return host
  }

  get pid() {
    return this.#switch.pid!
  }

  tell(command: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#commands.push({ resolve, reject })
      this.#switch.stdin!.write(`${JSON.stringify(command)}\n`)
    })
  }

  /** Ends all that runs in it. */
  async close() {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#switch.stdin!.end()
    if (this.#switch.exitCode === null && this.#switch.signalCode === null) await once(this.#switch, 'exit')
    this.#lines.close()
  }
}

export class Host {
  readonly #network: Network
  readonly #number: number
  readonly name: string
  #namespace = ''

  constructor(network: Network, number: number, name: string) {
    this.#network = network
    this.#number = number
    this.name = name
  }

  get address() {
    return `10.77.0.${this.#number}`
  }

  /** Gives it power again: nothing runs there then. */
  async boot() {
    const { fd } = await this.#network.tell({ do: 'boot', host: this.#number })
    this.#namespace = `/proc/${this.#network.pid}/fd/${fd}`
  }

  /** Takes its power: its packets vanish first, so that nobody hears of the end of its processes. */
  async losePower() {
    await this.#network.tell({ do: 'kill', host: this.#number })
  }

  async set(directions: { in?: Direction; out?: Direction }) {
    await this.#network.tell({ do: 'set', host: this.#number, ...directions })
  }

  /** Cuts it off, or one direction only. */
  async cut(which: ('in' | 'out')[] = ['in', 'out']) {
    await this.set(Object.fromEntries(which.map(direction => [direction, { on: false }])))
  }

  async mend() {
    await this.set({ in: { on: true }, out: { on: true } })
  }

  /** Runs a program there. */
  spawn(file: string, args: string[], env: NodeJS.ProcessEnv = {}, stdio: StdioOptions = 'pipe'): ChildProcess {
    const child = spawn('nsenter', [`--net=${this.#namespace}`, '--', file, ...args], {
      stdio,
      env: { ...commandEnvironment(), ...env },
    })
    try {
      setPriority(child.pid!, PRIORITY)
    } catch {
      // Root of a container may not.
    }
    return adopt(child)
  }

  /** Runs a program there and resolves with what it prints. */
  async read(file: string, args: string[]): Promise<string> {
    const child = this.spawn(file, args, {}, ['ignore', 'pipe', 'inherit'])
    let text = ''
    for await (const chunk of child.stdout!) text += String(chunk)
    return text
  }
}
