// Requests that end their process among many short ones, which are sent ahead by the hundred and answered in one piece.
import t from 'tap'
import { startExecutors } from './fixtures/executors.js'
import { newClient } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const INNOCENT = 200
const ROUNDS = 10

for (const act of [['kill'], ['exit', 3], ['writes', 'x'], ['writes', 'x'.repeat(100)], ['closes']])
  t.test(JSON.stringify(act).slice(0, 40), async t => {
    const { executors, journal } = await startExecutors(t, server, 1, ['--time-limit', '2'])
    const client = newClient(t, server, { subject: 'poison' })
    const echo = (value: number) =>
      client.call(['echo', value]).catch(error => `${value}: ${error.name} ${error.message}`)
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(Array.from({ length: INNOCENT }, (_, i) => echo(i)))
      const before = Array.from({ length: INNOCENT }, (_, i) => echo(i))
      const poison = client.call(act).then(String, error => `${error.name}: ${error.message}`)
      const after = Array.from({ length: INNOCENT }, (_, i) => echo(INNOCENT + i))
      const results = await Promise.all([...before, ...after])
      t.strictSame(
        results.filter((result, i) => result !== i),
        [],
        `round ${round}: nobody else`,
      )
      const text = await poison
      t.match(text, act[0] === 'exit' ? /exit code 3/ : /Error: the (function|process)/)
    }
    const ids = journal.entries.filter(({ what }) => what === 'echo').map(({ id }) => id)
    // What wrote into the pipe ends a moment later, in the middle of another one.
    const twice = ids.length - new Set(ids).size
    t.ok(twice <= (act[0] === 'writes' ? ROUNDS : 0), `${twice} computed twice`)
    t.ok(executors[0]!.isRunning)
  })
