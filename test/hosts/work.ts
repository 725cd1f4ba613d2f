// The function of the hosts: it waits, and tells a journal of its host's, which outlives the host's power, what it starts and ends.
import { appendFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Context } from 'nats-executor'
import { now } from './clock.js'

export interface Work {
  id: string
  ms: number
  /** When its client sent it. */
  sent: number
}

const { JOURNAL = '', HOST = '' } = process.env

export default async function work({ id, ms, sent }: Work, { signal }: Context) {
  const from = now()
  note('start', id, sent)
  await setTimeout(ms, undefined, { signal })
  note('end', id, sent)
  return { id, square: ms * ms, host: HOST, computeMs: now() - from }
}

// A line is written at once, whoever else writes.
function note(what: string, id: string, sent: number) {
  appendFileSync(JOURNAL, `${what} ${id} ${HOST} ${now()} ${sent}\n`)
}
