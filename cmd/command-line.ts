// What the commands have in common: flags are read with cac, and whatever is wrong with them is one line and exit code 2.
import { type Command, cac } from 'cac'
import { type CommandName, calledAs, typedAs } from './called-as.js'
import { surviveTerminal } from './closed-terminal.js'
import { type HelpText, helpText } from './help.js'
import { endNow } from './end-now.js'
import { printable } from './printable.js'
import { reason } from './reason.js'
import { VERSION } from '../lib/version.js'

/** Marks what looks like a number, or is a mere dash: cac would take -5 and - for options, and turn 007 into 7 and nothing into 0. */
const MARK = '\u0000'
const MARKED = /^(--[a-z-]+=)?(?=[-+]?\.?\d|\s*$|-$)/

/** As the `nats` command-line client spells them. */
const SPELT = /^--tls(?=(cert|key|ca|first)(=|$))/

/** Of times; the most is what a timer can count. */
const LEAST_SECONDS = 0.001
const MOST_SECONDS = 2_000_000

/** In characters. */
const LONGEST_LINE = 2000

/** How long a command that has done its work may take to end, in milliseconds. */
const END_MS = 500

/** Wrong usage; its message is for the person at the terminal. */
export class UsageError extends Error {}

export interface CommandLine extends Omit<HelpText, 'command'> {
  name: CommandName
  run: (positionals: string[], options: Options) => Promise<void>
}

/** `maxRequests` as it is typed. */
const flagOf = (name: string) => `--${name.replaceAll(/(?<=[a-z])[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`

export class Options {
  readonly #values: Record<string, unknown>
  constructor(values: Record<string, unknown>) {
    this.#values = values
  }

  /** The value as it was written. */
  text(name: string): string | undefined {
    const values = this.#given(name).map(String)
    if (values.length > 1) throw new UsageError(`${flagOf(name)} is given ${values.length} times`)
    return values[0]?.replaceAll(MARK, '')
  }

  /** Options of Node, say, with spaces in double quotes: `--import=tsx --import="./my hooks.mjs"`. */
  words(name: string): string[] | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (text.split('"').length % 2 === 0) throw new UsageError(`${flagOf(name)} lacks a double quote, got ${text}`)
    return (text.match(/([^\s"]|"[^"]*")+/g) ?? []).map(word => word.replaceAll('"', ''))
  }

  number(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (text.trim() === '' || !Number.isFinite(value))
      throw new UsageError(`${flagOf(name)} takes a number, got ${printable(JSON.stringify(text))}`)
    return value
  }

  /** A time that is given in seconds, as milliseconds; `least` and `most` in seconds. */
  seconds(name: string, least = LEAST_SECONDS, most = MOST_SECONDS): number | undefined {
    const value = this.number(name)
    if (value !== undefined && !(value >= least && value <= most))
      throw new UsageError(`${flagOf(name)} takes seconds from ${least} to ${most}, got ${value}`)
    return value === undefined ? undefined : value * 1000
  }

  /** Whether a switch `--no-name` is given. */
  isOff(name: string): boolean {
    return this.#values[name] === false
  }

  /** It may be given again, as by an alias of a shell. */
  isOn(name: string): boolean {
    return this.#given(name).at(-1) === true
  }

  /** As often as it is there. */
  #given(name: string): unknown[] {
    const given = this.#values[name]
    if (given === undefined) return []
    // cac takes --name.x for a part of it.
    if (typeof given === 'object' && !Array.isArray(given)) throw new UsageError(`${flagOf(name)} has no parts`)
    return [given].flat()
  }
}

/** cac takes what follows a switch for its value, unless it knows it by the name that it gives it. */
const asKnown = (flag: string) =>
  flag.startsWith('--no-') ? flag : flag.replaceAll(/(?<=[a-z])-./g, part => part[1]!.toUpperCase())

export async function runCommand({ name: own, run, ...help }: CommandLine): Promise<void> {
  const name = calledAs(own)
  const cli = cac(name)
  const switches = Object.keys(help.options).filter(flag => !flag.includes(' '))
  const command: Command = cli.command('[...arguments]', help.describe)
  for (const [flag, text] of Object.entries(help.options)) command.option(flag, text)
  command.action((positionals: string[], values: Record<string, unknown>) =>
    run(
      [...positionals, ...((values['--'] as string[] | undefined) ?? [])].map(text => text.replaceAll(MARK, '')),
      new Options(values),
    ),
  )
  cli.help(() => [{ body: helpText({ ...help, command: typedAs(own) }) }])
  cli.version(VERSION)
  surviveTerminal()
  // Who does not read what is said may still want the answers.
  process.stderr.on('error', () => {})
  try {
    const argv = process.argv
      .map(text => text.replace(MARKED, (_, flag = '') => flag + MARK).replace(SPELT, '--tls-'))
      .map(text => (switches.includes(text) ? asKnown(text) : text))
    cli.parse(argv, { run: false })
    if (cli.options['help'] || cli.options['version']) {
      process.stdout.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') exit(name, `cannot write: ${reason(error)}`, 1)
      })
      return
    }
    const valued = argv.find(text => switches.some(flag => text.startsWith(`${flag}=`)))
    if (valued) throw new UsageError(`${valued.split('=')[0]} takes no value`)
    await cli.runMatchedCommand()
    // What is still under way, such as a question for the address of a host, must not keep it.
    setTimeout(() => endNow(), END_MS).unref()
  } catch (error) {
    if (error instanceof UsageError || (error as Error).name === 'CACError')
      exit(name, `${asTyped((error as Error).message, help.options)} (see ${typedAs(own)} --help)`, 2)
    else throw error
  }
}

/** An option that the library or cac names is named as it is typed, with its unit. */
const asTyped = (message: string, options: CommandLine['options']) =>
  message
    .replaceAll(MARK, '')
    .replace(
      /^Unknown option `--?(.+)`$/s,
      (_, name) => `unknown option ${name.length > 1 ? flagOf(name) : `-${name}`}`,
    )
    .replace(/^option `(.+)` value is missing$/, '$1 has no value')
    .replace(/^ENOENT: .* uv_cwd$/, 'the working directory is gone')
    .replace(/^(expected )?`(\w+)`/, (text, before = '', name) => {
      const typed = Object.keys(options).find(option => option.split(' ')[0] === flagOf(name))
      return typed === undefined ? text : before + typed
    })

/** Says in a line what is wrong, and sets the exit code; the process ends when nothing is left to do. */
export function exit(
  name: string,
  message: string,
  code: number,
  say = (line: string): unknown => process.stderr.write(`${line}\n`),
) {
  say(`${name}: ${printable(withoutCredentials(message), LONGEST_LINE)}`)
  process.exitCode = code
}

/** What stands between the scheme and the last @ of a URL is nobody's business. A word may be very long. */
const withoutCredentials = (text: string) =>
  text.replace(/\S+/g, word => {
    const [from, to] = [word.indexOf('://') + 3, word.lastIndexOf('@')]
    return from < 3 || to < from ? word : `${word.slice(0, from)}…${word.slice(to)}`
  })
