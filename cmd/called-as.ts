// By which names the commands are called: those of a checkout, ./cmd/client, or those that an installed package has, nats-executor-client.
import { basename, dirname, join, relative } from 'node:path'

const INSTALLED = {
  executor: 'nats-executor',
  client: 'nats-executor-client',
  local: 'nats-executor-local',
  status: 'nats-executor-status',
}

export type CommandName = keyof typeof INSTALLED

const path = process.argv[1] ?? ''
const name = basename(path)

/** In the folder of a project, or of npx, of which no shell knows. */
const needsNpx = dirname(path).endsWith(join('node_modules', '.bin'))

/** What this command's messages begin with; `own` if it was called in some other way than by name. */
export const calledAs = (own: CommandName): string => (name === own || name === INSTALLED[own] ? name : own)

/** The same in a line that is to be typed. */
export const typedAs = (own: CommandName): string =>
  calledAs(own) === INSTALLED[own] && needsNpx ? `npx ${INSTALLED[own]}` : calledAs(own)

/** How to type another command, where and as this one was called. */
export function siblingCommand(own: CommandName, sibling: CommandName): string {
  if (calledAs(own) === INSTALLED[own]) return needsNpx ? `npx ${INSTALLED[sibling]}` : INSTALLED[sibling]
  return quoted(fromHere(join(dirname(path), sibling)))
}

function fromHere(file: string): string {
  try {
    const short = relative(process.cwd(), file)
    return short.startsWith('.') ? short : `./${short}`
  } catch {
    // The working directory is gone.
    return file
  }
}

/** As a shell reads it. */
export const quoted = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)
