// The options of the benchmark.
import { parseArgs } from 'node:util'
import { readOrEnd } from '../dev/usage.js'
import { CASES, type Case } from './cases.js'
import { type Member, equalMembers, readMembers } from './pool-members.js'

const USAGE = `usage: npm run bench:balance -- [options]
  --requests <n>     requests of a run (default: 5000)
  --bursts <n>       bursts of a run (default: 30)
  --rounds <n>       runs of each list with our dispatch (default: 3)
  --bare-rounds <n>  runs of a bare queue group, in turn with ours (default: 1)
  --executors <n>    executors with one slot each (default: 8)
  --pool <members>   other executors, for all lists: their numbers of slots, and "slow", e.g. 1,2,4,slow
  --seed <n>         other arrivals and durations (default: 1)
  --only <words>     only lists whose names begin with one of these, separated by commas, of
                     ${CASES.map(({ name }) => name).join(', ')}
  --quick            500 requests, 5 bursts, 1 round
  --samples <file>   appends each request to a file, as JSON
  --picture <file>   draws the first list's response times there (default, for a full run: docs/balance.svg)
`

export interface Options {
  cases: Case[]
  requests: number
  bursts: number
  rounds: number
  bareRounds: number
  seed: number
  members: Member[]
  hasPool: boolean
  samples: string | undefined
  picture: string | undefined
}

/** Reads the command line; ends the process if it is wrong. */
export const readOptions = () => readOrEnd(USAGE, read)

function read(): Options {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      requests: text,
      bursts: text,
      rounds: text,
      'bare-rounds': text,
      executors: text,
      pool: text,
      seed: text,
      only: text,
      samples: text,
      picture: text,
      quick: { type: 'boolean' },
    },
  })
  const { quick = false, only } = values
  const words = only?.split(',') ?? ['']
  const cases = CASES.filter(({ name }) => words.some(word => name.startsWith(word)))
  if (cases.length === 0) throw new RangeError(`no list is named like "${only}"`)
  const isFull = !quick && !only && !values.pool && !values.executors && !values.requests
  return {
    cases,
    requests: whole(values.requests, quick ? 500 : 5000, 1),
    bursts: whole(values.bursts, quick ? 5 : 30, 1),
    rounds: whole(values.rounds, quick ? 1 : 3, 0),
    bareRounds: whole(values['bare-rounds'], 1, 0),
    seed: whole(values.seed, 1, 0),
    members: values.pool ? readMembers(values.pool) : equalMembers(whole(values.executors, 8, 1)),
    hasPool: values.pool !== undefined,
    samples: values.samples,
    picture: values.picture ?? (isFull ? 'docs/balance.svg' : undefined),
  }
}

function whole(text: string | undefined, otherwise: number, least: number): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  if (!Number.isInteger(value) || value < least)
    throw new RangeError(`expected a whole number from ${least}, got "${text}"`)
  return value
}
