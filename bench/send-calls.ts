// A client of the library, whose calls go to attempts.ts when they are due.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecutorClient, Reply } from 'nats-executor'
import type { Arrival } from './arrivals.js'
import type { Member } from './pool-members.js'
import type { Sample } from './send.js'

/** What became of a request. */
export interface Sent extends Pick<Sample, 'sent' | 'answered' | 'computeMs' | 'member'> {
  executorId: string
  attempt: number
}

/** Sends each request when it is due; resolves with those that were answered. Without `failures` all have to be. */
export async function send(client: ExecutorClient, list: Arrival[], members: Map<string, Member>, failures?: string[]) {
  const start = performance.now()
  const answers: Promise<Sent | undefined>[] = []
  for (const { at, ms } of list) {
    const wait = start + at - performance.now()
    if (wait > 0) await sleep(wait)
    const sent = performance.now()
    const answer = client
      .request<number>(ms)
      .then(({ result: attempt, executorId, computeMs }: Reply<number>): Sent => {
        const member = members.get(executorId!)!
        return { sent, answered: performance.now(), computeMs: computeMs!, member, executorId: executorId!, attempt }
      })
    answers.push(
      answer.catch((error: Error) => {
        if (!failures) throw error
        failures.push(error.message)
        return undefined
      }),
    )
  }
  return (await Promise.all(answers)).filter(sample => sample !== undefined)
}
