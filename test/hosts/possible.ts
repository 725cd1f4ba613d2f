// Whether this machine can have hosts at all.
import { access } from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { Network } from './network.js'

/** Why it cannot, as the end of a sentence; undefined if it can. */
export async function whyNot(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'network namespaces are Linux only'
  if (process.getuid!() !== 0) return 'network namespaces need root'
  const commands = [['python3', '--version'] as const, ['ip', '-V'] as const, ['nsenter', '--version'] as const]
  for (const [command, version] of commands)
    if (spawnSync(command, [version]).status !== 0) return `the command ${command} does not run here`
  try {
    await access('/dev/net/tun')
  } catch {
    return 'there is no /dev/net/tun'
  }
  const network = new Network()
  try {
    await network.addHost('trial')
    return undefined
  } catch (error) {
    return `a network namespace with a TAP device cannot be made: ${(error as Error).message}`
  } finally {
    await network.close()
  }
}
