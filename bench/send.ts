// A client that knows nothing of executors: plain requests whose body is a number, sent when they are due.
import { setTimeout } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { Header } from '../lib/protocol/headers.js'
import { functionSubject } from '../lib/protocol/subjects.js'
import type { Arrival } from './arrivals.js'
import type { Member } from './pool-members.js'

/** What became of a request; times are milliseconds of one clock. */
export interface Sample {
  sent: number
  answered: number
  /** How long it took in the slot, as its executor measured it. */
  computeMs: number
  /** Who computed it. */
  executorId: string
  member: Member
}

/** Longer than any queue of a run is. */
const TIMEOUT_MS = 300_000

/** Sends each request when it is due, and resolves when all are answered. */
export async function send(nc: NatsConnection, service: string, list: Arrival[], members: Map<string, Member>) {
  const start = performance.now()
  const answers: Promise<Sample>[] = []
  while (answers.length < list.length) {
    const wait = start + list[answers.length]!.at - performance.now()
    if (wait > 0) {
      await setTimeout(wait)
      continue
    }
    const { ms, functionName } = list[answers.length]!
    answers.push(request(nc, functionSubject(service, functionName), ms, members))
  }
  return Promise.all(answers)
}

async function request(nc: NatsConnection, subject: string, ms: number, members: Map<string, Member>): Promise<Sample> {
  const sent = performance.now()
  const { headers } = await nc.request(subject, String(ms), { timeout: TIMEOUT_MS })
  const answered = performance.now()
  if (headers?.has(Header.errorCode)) throw new Error(`a request failed: ${headers.get(Header.error)}`)
  const executorId = headers?.get(Header.executorId) ?? ''
  const member = members.get(executorId)
  if (!member) throw new Error(`a reply is from nobody that was started here`)
  return { sent, answered, computeMs: Number(headers!.get(Header.computeMs)), executorId, member }
}
