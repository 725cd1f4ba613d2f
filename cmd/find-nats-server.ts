import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The places that an ordinary user's PATH may lack; Debian's package puts its server into /usr/sbin. */
const FOLDERS = [
  '/usr/sbin',
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/usr/local/sbin',
  '/home/linuxbrew/.linuxbrew/bin',
]

/** Finds the `nats-server` program where `cmd/setup` looks for it: `$NATS_SERVER`, the PATH, the usual folders. */
export function findNatsServer(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.NATS_SERVER) return env.NATS_SERVER
  const folders = [...(env.PATH ?? '').split(delimiter).filter(Boolean), ...FOLDERS]
  return folders.map(folder => join(folder, 'nats-server')).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
