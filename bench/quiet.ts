// Whether the machine is quiet enough for the figures to mean something.
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_MS = 1000
/** What a machine may do beside. */
const QUIET_SHARE = 0.1

/** Says on stderr when others use the processors; to be called while nothing is measured. */
export async function warnUnlessQuiet() {
  const before = used()
  await sleep(LOOK_MS)
  const after = used()
  const share = (after.busy - before.busy) / Math.max(1, after.all - before.all)
  if (share > QUIET_SHARE)
    process.stderr.write(
      `others use ${Math.round(share * 100)} % of the processors: the next figures are worse than they should be\n`,
    )
}

function used() {
  const times = cpus().map(cpu => cpu.times)
  const all = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0)
  return { all, busy: all - times.reduce((sum, { idle }) => sum + idle, 0) }
}
