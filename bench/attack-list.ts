// What a client with nothing but its rights may try, and an executor of another service. Messages that are to be ignored come all at once.
// Requests that are computed come at a pace that leaves slots for others, since whoever may call takes as many slots as anybody; or all at
// once, and then only memory and answers count, not how long others wait for a slot.
import { setTimeout as sleep } from 'node:timers/promises'
import { type NatsConnection, headers } from 'nats'

export interface Target {
  service: string
  executorIds: string[]
  /** Connected with the rights of a client of the service, whose inboxes begin so. */
  client: NatsConnection
  inbox: string
  /** Connected with the rights of an executor of another service. */
  stranger: NatsConnection
}

export interface Attack {
  name: string
  /** Whether it takes all slots for a while, as anybody may. */
  takesSlots?: boolean
  run(target: Target): Promise<void>
}

/** What is known of the requests of others: the ids of one client begin so, and are numbered. */
export const ID = 'innocent'
/** The deadline of requests that have none. */
export const LONGEST_WAIT_S = 5
/** After so many messages the server is waited for. */
const AT_ONCE = 2000
/** The ids that are tried go so far. */
const IDS = 5000
const IDS_OF_QUESTION = 500

const head = (entries: Record<string, string>) => {
  const all = headers()
  for (const [name, value] of Object.entries(entries)) all.set(name, value)
  return all
}

async function times(nc: NatsConnection, count: number, act: (i: number) => void, atOnce = AT_ONCE) {
  for (let i = 0; i < count; i++) {
    act(i)
    if (i % atOnce === atOnce - 1) await nc.flush()
  }
  await nc.flush()
}

async function paced(count: number, aSecond: number, act: (i: number) => void) {
  for (let i = 0; i < count; i++) {
    act(i)
    await sleep(1000 / aSecond)
  }
}

/** An inbox that nobody has. */
const nobody = (i: number) => `_INBOX.nobody.${i}`
const holds = ({ service, executorIds }: Target) => [
  `_EXEC.find.${service}`,
  ...executorIds.map(id => `_EXEC.hold.${service}.${id}`),
]
const amongExecutors = ({ service, executorIds }: Target) => [
  `_EXEC.pool.executors.${service}`,
  `_EXEC.match.executors.${service}`,
  ...executorIds.map(id => `_EXEC.peer.executors.${service}.${id}`),
]

export const ATTACKS: Attack[] = [
  {
    name: '10,000 reply subjects that are no inboxes',
    run: target => {
      const { client, service } = target
      const replies = ['$JS.API.STREAM.DELETE.x', service, '$SRV.PING', '_INBOX..x', 'x', ...amongExecutors(target)]
      const subjects = [service, ...holds(target)]
      return times(client, 10_000, i =>
        client.publish(subjects[i % subjects.length]!, '1', { reply: replies[i % replies.length]! }),
      )
    },
  },
  {
    name: '10,000 messages like those of executors',
    run: target => {
      const { client } = target
      const subjects = [...holds(target), ...amongExecutors(target)]
      const kinds = ['order', 'report', 'beacon', 'transfer', 'copy', 'copies']
      const bodies = target.executorIds.map(id => JSON.stringify({ id, give: [[`${id.slice(0, 10)}-1`, 'x']], n: 1e9 }))
      return times(client, 10_000, i =>
        client.publish(subjects[i % subjects.length]!, bodies[i % bodies.length], {
          headers: head({ Dispatch: kinds[i % kinds.length]!, 'Nats-Service-Error-Code': '408' }),
          reply: nobody(i),
        }),
      )
    },
  },
  {
    name: '300 results of 900 kB for nobody, 50 a second',
    run: ({ client, service }) =>
      paced(300, 50, i => client.publish(`${service}.text`, '900000', { reply: nobody(i) })),
  },
  {
    name: '100 that are kept, 25 a second',
    run: ({ client, service }) =>
      paced(100, 25, i => client.publish(`${service}.slowText`, '900000', { reply: nobody(i) })),
  },
  {
    name: '1,000 results of 900 kB at once',
    takesSlots: true,
    run: ({ client, service }) =>
      times(client, 1000, i => client.publish(`${service}.text`, '900000', { reply: nobody(i) })),
  },
  {
    name: '15,000 of 10 ms in 6 s, more than backlogs take',
    takesSlots: true,
    // A few at a time: between bursts there would be room.
    run: ({ client, service }) =>
      paced(5000, 1000, i => {
        for (let j = 0; j < 3; j++) client.publish(service, '10', { reply: nobody(3 * i + j) })
      }),
  },
  {
    name: '300 requests of 1 MB, 50 a second',
    run: ({ client, service }) => {
      const body = JSON.stringify('x'.repeat(1e6))
      return paced(300, 50, i => client.publish(`${service}.size`, body, { reply: nobody(i) }))
    },
  },
  {
    name: '700 requests of 1 MB at once',
    takesSlots: true,
    run: ({ client, service }) => {
      const body = JSON.stringify('x'.repeat(1e6))
      return times(client, 700, i => client.publish(`${service}.size`, body, { reply: nobody(i) }), 20)
    },
  },
  {
    name: '100 of 100 ms with 250 headers each at once',
    takesSlots: true,
    run: ({ client, service }) => {
      const many = head(Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`h${i}`, 'x'.repeat(50)])))
      return times(client, 100, i => client.publish(service, '100', { headers: many, reply: nobody(i) }))
    },
  },
  {
    name: 'computations without an end in half of the slots',
    run: async ({ client, service }) => {
      for (let i = 0; i < 4; i++) client.publish(service, String(1e9), { reply: nobody(i) })
      await sleep(LONGEST_WAIT_S * 1000)
    },
  },
  {
    name: '500 questions and cancels of 500 ids each',
    run: target => {
      const { client, inbox } = target
      const subjects = holds(target)
      const question = (i: number) => {
        const ids = Array.from({ length: IDS_OF_QUESTION }, (_, j) => `${ID}-${((i * IDS_OF_QUESTION) % IDS) + j}`)
        return i % 2 ? { ids } : { cancel: ids, key: 'guessed', roll: true }
      }
      return times(
        client,
        500,
        i => client.publish(subjects[i % subjects.length]!, JSON.stringify(question(i)), { reply: `${inbox}.${i}` }),
        50,
      )
    },
  },
  {
    name: '2,000 requests with the ids of others, 500 a second',
    run: ({ client, inbox, service }) =>
      paced(2000, 500, i =>
        client.publish(`${service}.size`, i % 3 ? '""' : 'no JSON', {
          headers: head({
            'Request-Id': `${ID}-${(2 * i) % IDS}`,
            ...(i % 2 && { 'Request-Key': 'guessed', Notices: '1' }),
          }),
          reply: `${inbox}.${i}`,
        }),
      ),
  },
  {
    name: '200,000 messages without a reply subject',
    run: ({ client, service }) => times(client, 200_000, () => client.publish(service, '1')),
  },
  {
    name: '10,000 messages that are no requests',
    run: ({ client, inbox, service }) =>
      times(client, 10_000, i =>
        client.publish(i % 2 ? service : `${service}.none`, '1', {
          headers: head(i % 3 ? { 'Request-Id': 'a.b' } : { 'Timeout-Ms': 'x' }),
          reply: `${inbox}.${i}`,
        }),
      ),
  },
  {
    name: '3,000 messages of another service’s executor',
    run: target => {
      const { stranger, service } = target
      const subjects = [service, ...holds(target), ...amongExecutors(target)]
      for (const subject of subjects) stranger.subscribe(subject, { queue: 'executors', callback: () => {} })
      return times(stranger, 3000, i =>
        stranger.publish(subjects[i % subjects.length]!, '{"give":[]}', { headers: head({ Dispatch: 'order' }) }),
      )
    },
  },
]
