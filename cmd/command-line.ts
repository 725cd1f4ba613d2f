// What the commands have in common: flags are read with cac, and whatever is wrong with them is one line and exit code 2.
import { type Command, cac } from 'cac'
import { VERSION } from '../lib/version.js'

/** Marks what looks like a number: cac would take -5 for options, and turn 007 into 7 and nothing into 0. */
const MARK = '\u0000'
const NUMERIC = /^(--[a-z-]+=)?(?=[-+]?\.?\d|\s*$)/

/** How long a command that has done its work may take to end, in milliseconds. */
const END_MS = 500

/** Wrong usage; its message is for the person at the terminal. */
export class UsageError extends Error {}

export interface CommandLine {
  name: string
  /** After the name, e.g. `<argument>…`. */
  synopsis: string
  describe: string
  /** Each `--name <value>` with its explanation; without `<value>` it is a switch. */
  options: Record<string, string>
  examples: string[]
  run: (positionals: string[], options: Options) => Promise<void>
}

export class Options {
  readonly #values: Record<string, unknown>
  constructor(values: Record<string, unknown>) {
    this.#values = values
  }

  /** The value as it was written. */
  text(name: string): string | undefined {
    const given = this.#values[name]
    if (given === undefined) return undefined
    const values = [given].flat().map(String)
    if (values.length > 1) throw new UsageError(`--${name} is given ${values.length} times`)
    return values[0]!.replaceAll(MARK, '')
  }

  number(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`--${name} takes a number, got "${text}"`)
    return value
  }

  /** A time that is given in seconds, as milliseconds. */
  seconds(name: string): number | undefined {
    const value = this.number(name)
    if (value !== undefined && !(value >= 0 && value <= 2_000_000))
      throw new UsageError(`--${name} takes seconds from 0 to 2000000, got ${value}`)
    return value === undefined ? undefined : value * 1000
  }

  /** Whether a switch `--no-name` is given. */
  isOff(name: string): boolean {
    return this.#values[name] === false
  }

  isOn(name: string): boolean {
    return this.#values[name] === true
  }
}

export async function runCommand({ name, synopsis, describe, options, examples, run }: CommandLine): Promise<void> {
  const cli = cac(name)
  const command: Command = cli.command('[...arguments]', describe)
  command.usage(synopsis)
  for (const [flag, text] of Object.entries(options)) command.option(flag, text)
  for (const example of examples) command.example(`  ${example}`)
  command.action((positionals: string[], values: Record<string, unknown>) =>
    run(
      [...positionals, ...((values['--'] as string[] | undefined) ?? [])].map(text => text.replaceAll(MARK, '')),
      new Options(values),
    ),
  )
  cli.help(sections => [
    ...sections.slice(0, 1),
    { body: describe },
    ...sections
      .slice(1)
      .filter(({ title }) => title !== 'Commands' && !title?.startsWith('For more info'))
      .map(({ title, body }) => ({ ...(title && { title }), body: body.replaceAll(' (default: true)', '') })),
  ])
  cli.version(VERSION)
  try {
    const argv = process.argv.map(text => text.replace(NUMERIC, (_, flag = '') => flag + MARK))
    cli.parse(argv, { run: false })
    if (cli.options['help'] || cli.options['version']) return
    await cli.runMatchedCommand()
    // What is still under way, such as a question for the address of a host, must not keep it.
    setTimeout(() => process.exit(), END_MS).unref()
  } catch (error) {
    if (error instanceof UsageError || (error as Error).name === 'CACError')
      exit(name, `${(error as Error).message.replaceAll(MARK, '')} (see ${name} --help)`, 2)
    else throw error
  }
}

/** Says what is wrong, without a URL's credentials, and sets the exit code; the process ends when nothing is left to do. */
export function exit(
  name: string,
  message: string,
  code: number,
  say = (line: string): unknown => process.stderr.write(`${line}\n`),
) {
  say(`${name}: ${message.replace(/([a-z]+:\/\/)\S*@/gi, '$1…@')}`)
  process.exitCode = code
}
