// An executor that dies of a request that was lost before has told its client that it computes it, wherever that had to wait.
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
