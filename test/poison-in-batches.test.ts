// Requests that end their process among many short ones, which are sent ahead by the hundred and answered in one piece.
import t from 'tap'
import { startExecutors } from './fixtures/executors.js'
import { newClient } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const INNOCENT = 200
const ROUNDS = 10
/** These end soon after they were answered. */
const answers = new Map<unknown[], RegExp>([
  [['closes', [3]], /^closed$/],
  [['closes', [5]], /^closed$|^ExecutionError: the (function|process)/],
  [['reopens'], /^reopened$|^Error: the function closed/],
])

for (const act of [['kill'], ['exit', 3], ['writes', 'x'], ['writes', 'x'.repeat(100)], ['closes'], ...answers.keys()])
  t.test(JSON.stringify(act).slice(0, 40), async t => {
    const { executors, journal } = await startExecutors(t, server, 1, ['--time-limit', '2'])
    const client = newClient(t, server, { service: 'poison' })
    const nc = await connectTo(t, server)
    // Without a client that sends it again when nobody is heard of it for long, as on a busy machine.
    const echo = async (value: number) => {
      const reply = await nc.request('poison', JSON.stringify(['echo', value]), { timeout: 60_000 })
      return reply.headers?.get('Nats-Service-Error') || reply.json<number>()
    }
    // What wrote into the pipe, or closed it, ends a moment later, in the middle of another one, which its client sends again.
    const isInterrupted = (result: string | number) => act[0] !== 'kill' && String(result).startsWith('interrupted: ')
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(Array.from({ length: INNOCENT }, (_, i) => echo(i)))
      const before = Array.from({ length: INNOCENT }, (_, i) => echo(i))
      const poison = client.call(act).then(String, error => `${error.name}: ${error.message}`)
      const after = Array.from({ length: INNOCENT }, (_, i) => echo(INNOCENT + i))
      const results = await Promise.all([...before, ...after])
      t.strictSame(
        results.filter((result, i) => result !== i && !isInterrupted(result)),
        [],
        `round ${round}: nobody else`,
      )
      const text = await poison
      t.match(text, act[0] === 'exit' ? /exit code 3/ : (answers.get(act) ?? /Error: the (function|process)/))
    }
    const ids = journal.entries.filter(({ what }) => what === 'echo').map(({ id }) => id)
    const twice = ids.length - new Set(ids).size
    // What it wrote elsewhere is lost.
    const mostTwice = act[0] === 'reopens' ? Infinity : act[0] === 'writes' ? ROUNDS : 0
    t.ok(twice <= mostTwice, `${twice} computed twice`)
    t.ok(executors[0]!.isRunning)
  })
