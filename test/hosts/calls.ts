// What a scenario's clients are told and tell, and the side of the scenario in that.
import { type Interface, createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Host } from './network.js'

export type Kind = 'library' | 'plain'

/** A call that has ended; times are those of `now()`. */
export interface Call {
  id: string
  /** Part of a steady flow, of a burst, or of a list of arrivals. */
  phase: 'lanes' | 'bursts' | 'list'
  ms: number
  sent: number
  ended: number
  isRight?: boolean
  host?: string
  computeMs?: number
  error?: string
}

export type Task =
  | { do: 'lanes'; count: number; ms: [number, number] }
  | { do: 'close lanes' }
  | { do: 'bursts'; seconds: number; count: number; ms: [number, number] }
  | { do: 'list'; arrivals: { at: number; ms: number }[] }
export type Order = Task & { number: number }

export type Report = { ready: true } | { call: Call } | { done: number; longestStall: number } | { doubled: true }

const CALLER = fileURLToPath(new URL('caller.js', import.meta.url))

/** A client program (caller.ts) on a host. */
export class Caller {
  readonly kind: Kind
  readonly host: Host
  readonly calls: Call[] = []
  /** Replies beyond the first of a request. */
  doubled = 0
  /** How long its process got no processor, at the worst, in milliseconds. */
  longestStall = 0
  readonly ready: Promise<void>
  readonly #child: ChildProcess
  readonly #lines: Interface
  readonly #orders: (() => void)[] = []
  /** Rejects when the program ends, which it should not do by itself. */
  readonly #end: Promise<never>

  constructor(kind: Kind, host: Host, servers: string[], timeout: number) {
    this.kind = kind
    this.host = host
    this.#child = host.spawn(process.execPath, [CALLER, kind, servers.join(','), String(timeout)], {}, [
      'pipe',
      'pipe',
      'inherit',
    ])
    this.#child.stdin!.on('error', () => {})
    this.#end = new Promise((_, reject) => {
      this.#child.on('exit', code => reject(new Error(`the ${kind} client has ended: ${code}`)))
    })
    this.#end.catch(() => {})
    this.#lines = createInterface({ input: this.#child.stdout! })
    const ready = new Promise<void>(resolve => {
      this.#lines.on('line', line => {
        const report = JSON.parse(line) as Report
        if ('ready' in report) resolve()
        else if ('call' in report) this.calls.push(report.call)
        else if ('doubled' in report) this.doubled++
        else {
          this.longestStall = report.longestStall
          this.#orders[report.done]!()
        }
      })
    })
    this.ready = Promise.race([ready, this.#end])
    this.ready.catch(() => {})
  }

  /** Resolves when all that it sends for this is answered, or given up. */
  order(task: Task): Promise<void> {
    const done = new Promise<void>(resolve => {
      const order: Order = { ...task, number: this.#orders.push(resolve) - 1 }
      this.#child.stdin!.write(`${JSON.stringify(order)}\n`)
    })
    const order = Promise.race([done, this.#end])
    // It may not be awaited yet.
    order.catch(() => {})
    return order
  }
}
