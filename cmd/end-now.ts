// Ends a command, whatever is under way.
import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** `process.exit` waits for look-ups of names, a silent name service for many seconds; a signal does not, and shells see the same code. */
export function endNow(code: string | number | null | undefined = process.exitCode) {
  const signal = SIGNALS.find(each => 128 + constants.signals[each] === code)
  if (signal && process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  process.exit(code)
}
