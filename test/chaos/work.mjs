// The function of the chaos test: its result tells whose it is, and its executor's journal that it has started.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

const journal = join(process.env.JOURNALS, String(process.pid))

export default async function ({ value, ms }, { signal }) {
  appendFileSync(journal, `${value}\n`)
  await setTimeout(ms, undefined, { signal })
  return { value, square: value * value }
}
