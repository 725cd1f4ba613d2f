// The queue group's name is part of the agreement: each group gets every request, and one member of it answers.
import { RequestStrategy } from 'nats'
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const nc = await connectTo(t, server)

t.test('two groups answer twice, two members of a group once', async t => {
  const red = await startExecutor(t, server, { queue: 'red' })
  const blue = await Promise.all([1, 2].map(() => startExecutor(t, server, { queue: 'blue' })))
  const calls = new Map<string, string[]>()
  for (const executor of [red, ...blue])
    executor.on('started', ({ argument }) => calls.set(argument, [...(calls.get(argument) ?? []), executor.id]))
  for (let i = 0; i < 20; i++) {
    const argument = `["echo",${i}]`
    const options = { strategy: RequestStrategy.Count, maxMessages: 2, maxWait: 10_000 }
    const answers: string[] = []
    for await (const reply of await nc.requestMany('acts', argument, options)) answers.push(reply.string())
    t.strictSame(answers, [String(i), String(i)])
    const who = calls.get(argument) ?? []
    t.equal(who.length, 2)
    t.ok(who.includes(red.id))
  }
})
