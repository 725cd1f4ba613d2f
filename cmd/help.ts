// What --help prints: plain text that fits a terminal of 80 columns.

const COLUMNS = 80
const GAP = '  '
/** What `--help` and `--version` do is the same for all commands. */
const COMMON = { '-h, --help': 'print this text', '-v, --version': 'print the version' }

export interface HelpText {
  /** As it is typed. */
  command: string
  /** After the command, e.g. `[argument]…`. */
  synopsis: string
  describe: string
  /** Each `--name <value>` with its explanation; without `<value>` it is a switch. */
  options: Record<string, string>
  /** What follows the command, with an explanation. */
  examples: (readonly [args: string, explanation: string])[]
  /** Paragraphs. */
  notes: string[]
}

export function helpText({ command, synopsis, describe, options, examples, notes }: HelpText): string {
  const lines = examples.map(([args, explanation]) => [`${command} ${args}`.trimEnd(), explanation] as const)
  return [
    wrapped(describe),
    `Usage: ${command} ${synopsis}`,
    `Options:\n${table(Object.entries({ ...options, ...COMMON }))}`,
    `Examples:\n${isNarrow(lines) ? table(lines) : stacked(lines)}`,
    ...notes.map(note => wrapped(note)),
  ].join('\n\n')
}

const widest = (texts: string[]) => Math.max(...texts.map(text => text.length))

type Row = readonly [left: string, right: string]

const isNarrow = (rows: Row[]) =>
  widest(rows.map(([left]) => left)) + widest(rows.map(([, right]) => right)) + 2 * GAP.length <= COLUMNS

/** Two columns; the right one is wrapped. */
function table(rows: Row[]): string {
  const width = widest(rows.map(([left]) => left))
  const indent = ' '.repeat(width + 2 * GAP.length)
  return rows.map(([left, right]) => GAP + left.padEnd(width) + GAP + wrapped(right, indent)).join('\n')
}

/** Each explanation below what it explains. */
const stacked = (rows: Row[]) =>
  rows.map(([left, right]) => `${GAP}${left}\n${GAP.repeat(3)}${wrapped(right, GAP.repeat(3))}`).join('\n')

/** `indent`: what stands before all lines but the first, where it stands already. */
function wrapped(text: string, indent = ''): string {
  const lines = ['']
  for (const word of text.split(/(?<!default:)\s+/)) {
    const line = lines.at(-1)!
    if (line === '') lines[lines.length - 1] = word
    else if (indent.length + line.length + 1 + word.length <= COLUMNS) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.join(`\n${indent}`)
}
