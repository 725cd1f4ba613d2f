import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { adoptGroup, plainEnvironment, stop } from './children.js'

/** How long a process may take to end after SIGTERM before it gets SIGKILL. */
export const GRACE_MS = 3_000

/** A program to start; the listeners get its console output line by line. */
export interface Program {
  file: string
  args: string[]
  onStdout?: (line: string) => void
  onStderr?: (line: string) => void
}

/** Child processes that are stopped together. */
export class Processes {
  readonly #running = new Map<ChildProcess, Promise<string>>()
  #stopped?: Promise<void>

  /** True from the call of `stop()` on: a process that ends is then no surprise. */
  get stopping(): boolean {
    return this.#stopped !== undefined
  }

  /** Starts a program. The promise resolves, after its last line of output, with how it ended: '' for exit code 0. */
  start({ file, args, onStdout, onStderr }: Program): Promise<string> {
    if (this.stopping) throw new Error(`not started while stopping: ${file}`)
    // A group of its own: the terminal sends Ctrl-C to the whole foreground group, but executors need the server until they
    // have stopped. And no settings for another server: the demo's own one needs no password.
    const env = plainEnvironment()
    const child = adoptGroup(spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env }))
    let problem = ''
    createInterface({ input: child.stdout }).on('line', line => onStdout?.(line))
    createInterface({ input: child.stderr }).on('line', line => {
      problem = line
      onStderr?.(line)
    })
    child.on('error', error => (problem = error.message))
    const ended = new Promise<string>(resolve => {
      child.on('close', (code, signal) => {
        this.#running.delete(child)
        resolve(code === 0 ? '' : (signal ?? (problem || `exit code ${code}`)))
      })
    })
    this.#running.set(child, ended)
    return ended
  }

  /** Ends all processes, with SIGTERM and, for those that do not go, SIGKILL. May be called again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    await stop(this.#running.keys(), GRACE_MS)
    await Promise.all(this.#running.values())
  }
}
