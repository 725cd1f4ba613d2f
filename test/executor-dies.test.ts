// A request that ends its executors is not sent for ever, and costs the others nothing.
import { ExecutorDiedError } from 'nats-executor'
import t, { type Test } from 'tap'
import { newClient, rejection, startExecutor } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'
import { type Process, run } from './fixtures/processes.js'

/** An executor that is started again whenever it dies. */
class Restarted {
  deaths = 0
  process!: Process
  #isOver = false

  constructor(t: Test, server: Server, more: string[]) {
    const flags = ['--servers', server.url, '--service', 'acts', 'test/fixtures/acts.mjs', '--log=json', ...more]
    const start = () => {
      this.process = run(t, 'executor', flags)
      // Before that of `run`, which kills it.
      t.teardown(() => (this.#isOver = true))
      void this.process.exit.then(how => {
        if (how === 'SIGKILL') this.deaths++
        if (!this.#isOver) start()
      })
    }
    start()
  }
}

async function start(t: Test, count: number, flags: string[] = []) {
  const server = await startServer(t)
  const executors = Array.from({ length: count }, () => new Restarted(t, server, flags))
  await Promise.all(executors.map(({ process }) => process.line(/ready/)))
  const client = newClient(t, server)
  const deaths = () => executors.reduce((sum, { deaths }) => sum + deaths, 0)
  return { server, client, deaths }
}

t.test('three deaths are enough', async t => {
  const { client, deaths } = await start(t, 1)
  const error = await rejection(client.call(['kill']))
  t.ok(error instanceof ExecutorDiedError)
  t.match(error, { name: 'ExecutorDiedError', code: 500, attempts: 3, losses: 3, executorId: /^[\w-]{21}$/ })
  // The first one may have died before it could say that it had the request.
  t.match(error.message, /^3 executors died while they computed it, of these [\w-]{21}, [\w-]{21}(, [\w-]{21})?$/)
  t.equal(await client.call(['echo', 'another']), 'another')
  t.equal(deaths(), 3)
})

t.test('executors that were known are named', async t => {
  const { client, deaths } = await start(t, 2)
  const error = await rejection(client.call(['kill', 700]))
  t.match(error, { name: 'ExecutorDiedError', losses: 3, executorId: /^[\w-]{21}$/ })
  t.match(error.message, /^3 executors died while they computed it, of these [\w-]{21}(, [\w-]{21})*$/)
  t.equal(deaths(), 3)
})

t.test('what waited beside it is computed', async t => {
  const { client, deaths } = await start(t, 2)
  const killer = rejection(client.call(['kill']))
  const others = Array.from({ length: 40 }, (_, i) => client.call(['sleep', 10 + i]))
  t.equal((await Promise.all(others)).length, 40)
  t.match(await killer, { name: 'ExecutorDiedError' })
  // A death that cannot be told from an executor that stands still, as on a busy machine, is not counted.
  t.ok(deaths() >= 3 && deaths() <= 5, `${deaths()} deaths`)
})

t.test('what is computed beside it each time is computed without it', async t => {
  const { client, deaths } = await start(t, 1, ['--concurrency=3', '--processes=1'])
  const killer = rejection(client.call(['kill', 50]))
  const others = [1, 2].map(() => client.call(['sleep', 300]))
  t.match(await killer, { name: 'ExecutorDiedError' })
  t.strictSame(await Promise.all(others), [300, 300])
  t.equal(deaths(), 3)
})

t.test('with retries 0 one death is enough', async t => {
  const { client, deaths } = await start(t, 1)
  t.match(await rejection(client.call(['kill'], { retries: 0 })), { name: 'RequestLostError', attempts: 1, losses: 1 })
  t.equal(await client.call(['echo', 'another']), 'another')
  t.equal(deaths(), 1)
})

t.test('one of 3,000 arguments of a map', async t => {
  const { client } = await start(t, 2)
  const KILLER = 1500
  const args = Array.from({ length: 3000 }, (_, i) => (i === KILLER ? ['kill'] : ['echo', i]))
  for await (const { index, result, error } of client.map(args))
    if (index === KILLER) t.match(error, { name: 'ExecutorDiedError' })
    else if (result !== index) t.fail(`${index}: ${error?.stack}`)
})

t.test('who only listens is no executor that dies', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  let heard = 0
  const often = new Promise<void>(resolve => nc.subscribe('acts', { callback: () => ++heard === 5 && resolve() }))
  await nc.flush()
  const call = newClient(t, server).call(['echo', 'was there in time'])
  await often
  await startExecutor(t, server)
  t.equal(await call, 'was there in time')
})
