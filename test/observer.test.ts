// Who watches executors is told the truth, whatever strangers answer and whenever it is closed or refused; and soon.
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { Observer } from 'nats-executor'
import t, { type Test } from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
/** Far longer than any step here takes. */
const PATIENCE = 60_000

async function answerWith(t: Test, answer: (respond: (text: string) => void) => void) {
  const nc = await connectTo(t, server)
  nc.subscribe('$SRV.STATS', { callback: (_, message) => answer(text => message.respond(text)) })
  await nc.flush()
  return nc
}

t.test('a stranger that never ceases to answer', async t => {
  const { id } = await startExecutor(t, server, { service: 'beside.drops' })
  const timers: NodeJS.Timeout[] = []
  t.teardown(() => timers.forEach(clearInterval))
  const nc = await answerWith(t, respond => timers.push(setInterval(respond, 50, '{}')))
  await using observer = new Observer({ connection: server.url, timeout: 1000 })
  t.strictSame(
    (await observer.executors()).map(each => each.id),
    [id],
  )
  await nc.close()
})

t.test('answers of strangers, as many as they like, hide no executor', async t => {
  const { id } = await startExecutor(t, server, { service: 'behind.many' })
  const nc = await connectTo(t, server)
  await using observer = new Observer({ connection: server.url })
  const [real] = await observer.executors()
  const text = (await nc.request(`$SRV.STATS.behind_many.${id}`, '', { timeout: PATIENCE })).string()
  const of = (change: (answer: any) => void) => {
    const answer = JSON.parse(text)
    answer.id = 'odd'
    change(answer)
    return JSON.stringify(answer)
  }
  const odd = [
    of(answer => (answer.id = '\u009b2J')),
    of(answer => (answer.metadata.pid = '-1e400')),
    of(answer => (answer.endpoints[0].subject = '')),
    of(answer => (answer.endpoints[0].subject = 'a..b')),
    of(answer => answer.endpoints.push({ ...answer.endpoints[0], subject: 'another.service' })),
    of(answer => (answer.endpoints[0].num_requests = 1e300)),
  ]
  nc.subscribe('$SRV.STATS', {
    callback: (_, message) => {
      for (const each of odd) message.respond(each)
      for (let i = 0; i < 12_000; i++) message.respond('{}')
      message.respond(text)
    },
  })
  await nc.flush()
  t.match(await observer.executors(), [real!])
  t.equal((await observer.executors()).length, 1)
})

t.test('closed at any moment, a question says so, at once', async t => {
  const nc = await connectTo(t, server)
  nc.subscribe('$SRV.STATS.mute', { callback: () => {} })
  await nc.flush()
  const closed = { name: 'ConnectionError', message: 'the observer was closed' }
  for (const connection of [server.url, nc, 'nats://127.0.0.1:1'])
    for (const ms of [0, 1, 3, 10, 100]) {
      const observer = new Observer({ connection, service: 'mute', timeout: PATIENCE })
      const asked = Promise.all(Array.from({ length: 20 }, () => t.rejects(observer.executors(), closed)))
      await sleep(ms)
      await Promise.all([observer.close(), observer.close()])
      await asked
    }
})

t.test('what has been answered while the program was blocked is read', async t => {
  const executor = run(t, 'executor', ['--servers', server.url, '--service', 'patient'])
  await executor.line(/Awaiting/)
  await using observer = new Observer({ connection: server.url, service: 'patient', timeout: 500 })
  while ((await observer.executors()).length === 0);
  const asked = observer.executors()
  // Timers come next, and what has arrived after them.
  await setImmediate()
  for (const until = performance.now() + 1500; performance.now() < until;);
  t.equal((await asked).length, 1)
})

t.test('one that is refused is back when it is accepted', async t => {
  const secured = await startServer(t)
  await secured.stop()
  secured.args.push('--user', 'a', '--pass', 'one')
  await secured.start()
  const as = (password: string) => secured.url.replace('//', `//a:${password}@`)
  await using observer = new Observer({ connection: as('one'), timeout: 1000 })
  t.strictSame(await observer.executors(), [])
  await secured.stop()
  secured.args.splice(-1, 1, 'two')
  await secured.start()
  for (;;) {
    const error = await observer.executors().catch((thrown: Error) => thrown)
    if (error instanceof Error && /refuses the connection: .*Authorization/.test(error.message)) break
  }
  await secured.stop()
  secured.args.splice(-1, 1, 'one')
  await secured.start()
  while ((await observer.executors().catch(() => undefined)) === undefined);
})

for (const how of ['close', 'drain'] as const)
  t.test(`a connection of which its owner has said ${how}()`, async t => {
    const nc = await connectTo(t, server)
    await using observer = new Observer({ connection: nc })
    const ended = nc[how]()
    await t.rejects(observer.executors(), { name: 'ConnectionError', message: 'the connection was closed' })
    await ended
    await t.rejects(observer.executors(), { name: 'ConnectionError', message: 'the connection was closed' })
  })
