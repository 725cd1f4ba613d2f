/**
 * `npm start`: a private nats-server, four executors and eight clients, all of them real processes, and a timeline of who
 * computed what. It stops everything that it started, whatever happens.
 */
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { GRACE_MS, Processes } from './demo-processes.js'
import { timeline, type Computation } from './demo-timeline.js'
import { stopAll } from './children.js'
import { surviveTerminal } from './closed-terminal.js'
import { startNatsServer } from './nats-server.js'

const ARGUMENTS = [28, 29, 30, 31, 33, 34, 35, 28]
const COLOURS = ['cyan', 'magenta', 'yellow', 'green'] as const
const EXECUTORS = COLOURS.map((_, i) => `executor ${i + 1}`)
const DEADLINE_MS = 120_000

class Interrupted extends Error {
  readonly exitCode: number

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

const hasColour = process.stdout.isTTY && !process.env.NO_COLOR
const workers = new Processes()
const computations: Computation[] = []

/** Ends the demo early. */
let fail!: (error: Error) => void
const failure = new Promise<never>((_, reject) => (fail = reject))

process.exit(await main())

async function main(): Promise<number> {
  surviveTerminal()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => fail(new Interrupted(signal)))
  process.stdout.on('error', fail)
  process.stderr.on('error', fail)
  const deadline = setTimeout(() => fail(new Error(`not done after ${DEADLINE_MS / 1000} s`)), DEADLINE_MS)
  try {
    return await Promise.race([demo(), failure])
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : error}\n`)
    return error instanceof Interrupted ? error.exitCode : 1
  } finally {
    clearTimeout(deadline)
    await workers.stop()
    // The server.
    await stopAll(GRACE_MS)
  }
}

async function demo(): Promise<number> {
  const url = await startServer()
  print(`A private nats-server listens on ${url}; ${EXECUTORS.length} executors start:\n`)
  await Promise.all(EXECUTORS.map((_, i) => startExecutor(i, url)))

  print(`\n${ARGUMENTS.length} clients ask at once for fibonacci of ${ARGUMENTS.join(', ')}:\n`)
  const right = (await Promise.all(ARGUMENTS.map(n => ask(n, url)))).filter(Boolean).length

  // Only when the executors have ended, all their lines are here.
  await workers.stop()
  print(`\nWhich executor computed what, and when:\n\n${drawTimeline()}\n`)
  print(`${right} of ${ARGUMENTS.length} answers are right.`)
  return right === ARGUMENTS.length ? 0 : 1
}

/** Resolves with the server's URL. */
async function startServer(): Promise<string> {
  const { child, url } = await startNatsServer({ detached: true })
  child.on('exit', (code, signal) => fail(new Error(`nats-server ended: ${signal ?? `exit code ${code}`}`)))
  return url
}

/** Resolves when the executor awaits requests. */
function startExecutor(executor: number, url: string): Promise<void> {
  const name = EXECUTORS[executor] ?? ''
  const show = (line: string) => print(`${paint(`${name} |`, executor)}${line}`)
  return new Promise(resolve => {
    const ended = workers.start({
      ...command('executor', url),
      onStdout(line) {
        show(line)
        if (line.startsWith(' [x] Awaiting requests')) resolve()
        note(line, executor)
      },
      onStderr: line => show(` ${line}`),
    })
    void ended.then(how => workers.stopping || fail(new Error(`${name} ended: ${how || 'exit code 0'}`)))
  })
}

/** Notes a finished computation. The response line alone says it all: its value belongs to one N only. */
function note(line: string, executor: number): void {
  const [, value, ms] = /^ \[\*\] response: (\d+) \(pid=\d+, ([\d.]+) ms\)/.exec(line) ?? []
  if (!value) return
  const n = ARGUMENTS.find(argument => fibonacci(argument) === Number(value))
  const end = performance.now()
  computations.push({ executor, label: String(n ?? '?'), start: end - Number(ms), end })
}

/** Resolves with whether the answer is right. */
async function ask(n: number, url: string): Promise<boolean> {
  let answer = ''
  const how = await workers.start({
    ...command('client', url, String(n)),
    onStdout: line => (answer += line),
  })
  if (how) throw new Error(`client ${n} failed: ${how}`)
  const expected = String(fibonacci(n))
  print(`client ${n} → ${answer} ${answer === expected ? '✓' : `✗ (expected ${expected})`}`)
  return answer === expected
}

function command(name: 'executor' | 'client', url: string, ...args: string[]) {
  const file = fileURLToPath(new URL(`../../cmd/${name}`, import.meta.url))
  return { file: process.execPath, args: [file, '--servers', url, ...args] }
}

function drawTimeline(): string {
  const width = Math.min(process.stdout.columns || 80, 100)
  return timeline(EXECUTORS, computations, { width, paint })
}

function paint(text: string, executor: number): string {
  const colour = COLOURS[executor]
  return hasColour && colour ? styleText(colour, text) : text
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** By addition, so that it is independent of the executors' recursion. */
function fibonacci(n: number): number {
  let [a, b] = [0, 1]
  for (let i = 0; i < n; i++) [a, b] = [b, a + b]
  return a
}
