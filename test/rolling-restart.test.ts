// Under a steady stream of requests every executor may be replaced, without one error.
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { root } from '../dev/root.js'
import { newClient } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const SLEEP = new URL('dist/lib/functions/sleep.js', root).href

t.test('three executors are stopped and started one by one', async t => {
  const server = await startServer(t)
  const start = async () => {
    const executor = run(t, 'executor', ['--servers', server.url, '--service', 'acts', SLEEP])
    await executor.line(/Awaiting/)
    return executor
  }
  const executors = await Promise.all([start(), start(), start()])

  const stream = { isOver: false, answered: 0, errors: [] as unknown[] }
  const streams = Array.from({ length: 8 }, async (_, number) => {
    // What is lost is an error here, and not sent again.
    const client = newClient(t, server, { retries: 0 })
    for (let i = 0; !stream.isOver; i++) {
      const ms = 1 + ((number + i) % 8)
      try {
        if ((await client.call(ms)) === ms) stream.answered++
        else stream.errors.push(`a wrong answer to ${ms}`)
      } catch (error) {
        stream.errors.push(error)
        return
      }
    }
  })
  const more = async (count: number) => {
    const goal = stream.answered + count
    while (stream.answered < goal && stream.errors.length === 0) await setTimeout(5)
  }

  await more(100)
  for (const old of executors) {
    const next = start()
    old.kill('SIGTERM')
    t.equal(await old.exit, 0)
    await next
    const calls = (await next).line(/calling/)
    await more(100)
    await calls
  }
  stream.isOver = true
  await Promise.all(streams)
  t.strictSame(stream.errors, [])
  t.ok(stream.answered >= 400, `${stream.answered} answers`)
})
