// An executor that dies of a request that was lost before has told its client that it computes it, wherever that had to wait; and one that
// dies while it waits has not.
import { createInbox, headers } from 'nats'
import t from 'tap'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const TRIES = 4

const server = await startServer(t)
const nc = await connectTo(t, server)

interface Case {
  /** What is computed before, one request for each. */
  before: unknown[][]
  flags?: string[]
  executors?: number
}

const cases: Record<string, Case> = {
  'nothing else': { before: [] },
  'behind short ones': { before: Array.from({ length: 50 }, (_, i) => ['echo', i]) },
  'behind a long one': { before: [['spin', 150]] },
  'behind several that share a process': {
    before: [20, 40, 60, 80].map(ms => ['sleep', ms]),
    flags: ['--concurrency=2', '--processes=1'],
  },
  // Sooner or later it waits where the other one is free first.
  'given away': {
    before: [
      ['sleep', 300],
      ['sleep', 150],
    ],
    executors: 2,
  },
}

for (const [name, { before, flags = ['--concurrency=1'], executors = 1 }] of Object.entries(cases))
  t.test(name, async t => {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const service = `told-${Object.keys(cases).indexOf(name)}-${attempt}`
      const args = ['--servers', server.url, '--service', service, 'test/fixtures/acts.mjs', '--log=json', ...flags]
      const running = Array.from({ length: executors }, () => run(t, 'executor', args))
      const idOf = new Map<unknown, string>()
      for (const each of running) idOf.set(each, JSON.parse(await each.line(/"ready"/)).executorId)
      const inbox = createInbox()
      const states = new Map<string, string[]>()
      const subscription = nc.subscribe(inbox, {
        callback: (_, { headers: head }) => {
          const executorId = head?.get('Executor-Id') ?? ''
          if (head?.get('Request-Id') !== 'killer' || !head.get('Notice')) return
          states.set(executorId, [...(states.get(executorId) ?? []), head.get('Notice')])
        },
      })
      const send = (argument: unknown[], id: string, notices: string) => {
        const head = headers()
        head.set('Request-Id', id)
        head.set('Notices', notices)
        nc.publish(service, JSON.stringify(argument), { reply: inbox, headers: head })
      }
      for (const [i, argument] of before.entries()) send(argument, `before-${i}`, '1')
      send(['kill'], 'killer', 'first')
      const dead = await Promise.race(running.map(async each => (await each.exit, each)))
      await nc.flush()
      t.equal(states.get(idOf.get(dead)!)?.at(-1), 'computing', JSON.stringify([...states.values()]))
      subscription.unsubscribe()
      for (const each of running) each.kill('SIGKILL')
    }
  })

/** What is sent: a request that was lost before, and a long one that starts before it. */
const overtaken: Record<string, { before: number; order: ('lost' | 'long')[] }> = {
  'one that comes while it is told of': { before: 0, order: ['lost', 'long'] },
  'one that follows short ones': { before: 50, order: ['long', 'lost'] },
}

for (const [name, { before, order }] of Object.entries(overtaken))
  t.test(`one that waits for ${name} is not said to be computed`, async t => {
    const service = `waits-${order[0]}`
    const args = ['--servers', server.url, '--service', service, 'test/fixtures/acts.mjs', '--log=json']
    await run(t, 'executor', args).line(/"ready"/)
    const argument = { lost: ['echo', 1], long: ['sleep', 300] }
    for (let i = 0; i < before; i++) await nc.request(service, JSON.stringify(argument.lost), { timeout: 60_000 })
    const inbox = createInbox()
    const subscription = nc.subscribe(inbox)
    for (const id of order) {
      const head = headers()
      head.set('Request-Id', id)
      head.set('Notices', id === 'lost' ? 'first' : '1')
      nc.publish(service, JSON.stringify(argument[id]), { reply: inbox, headers: head })
    }
    let told = ''
    for await (const { headers: head } of subscription) {
      const notice = head?.get('Notice')
      if (head?.get('Request-Id') === 'lost' && notice) told = notice
      else if (!notice) break
    }
    t.equal(told, 'waiting')
  })
