// The lines with which a person starts what is missing, as they are typed where and as this command was called.
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CLIENT_DEFAULTS } from '../lib/client-options.js'
import { type CommandName, quoted, siblingCommand } from './called-as.js'

/** As it comes with the package. */
const CONFIGURATION = fileURLToPath(new URL('../../nats-server.conf', import.meta.url))

/** An executor of a service; of any, if it is not said. */
export function executorLine(own: CommandName, service: string | undefined): string {
  const isBuiltIn = service === undefined || service === CLIENT_DEFAULTS.service
  return siblingCommand(own, 'executor') + (isBuiltIn ? '' : ` <module> --service ${quoted(service)}`)
}

export const serverLine = () => `nats-server -c ${quoted(fromHere(CONFIGURATION))}`

function fromHere(file: string): string {
  try {
    return relative(process.cwd(), file)
  } catch {
    // The working directory is gone.
    return file
  }
}
