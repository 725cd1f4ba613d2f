// The function of the chaos test: its result tells whose it is, and a journal of its executor and slot that it has started.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

const journal = join(process.env.JOURNALS, `${process.ppid}-${process.pid}`)

export default async function ({ value, ms }, { signal }) {
  appendFileSync(journal, `${value}\n`)
  await setTimeout(ms, undefined, { signal })
  return { value, square: value * value }
}
